"""A token by which a script speaks for a person; only a hash of it is kept."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DIGEST_LENGTH = 64


class Scope(models.TextChoices):
    """What a token is good for; a token may have several, and none includes another."""

    READ = "read", _("see what you may see")
    RUN = "run", _("create, run, override")
    RECOVER = "recover", _("recover, checkpoint, undo")
    ADMIN = "admin", _("presets, audit")


class TokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens by what may be done with them."""

    def valid(self) -> Self:
        """Those that are neither revoked nor expired, of people who may still sign in."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at=None, user__is_active=True)


class ApiToken(models.Model):
    """One token. Its text is `sp_ID_SECRET`: the id finds the row, and the whole text is compared by its SHA-256."""

    id = models.CharField(_("id"), max_length=12, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100, blank=True)
    digest = models.CharField(_("hash"), max_length=DIGEST_LENGTH)
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"sp_{self.id}"

    @property
    def has_ended(self) -> bool:
        """Whether it has expired, for display."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
