"""How one person likes the pages, and which crashes the pages have told that person of."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Theme(models.TextChoices):
    """Which colors the pages have."""

    SYSTEM = "system", _("Same as the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Profile(models.Model):
    """One person's settings; who has none has the defaults."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="profile"
    )
    theme = models.CharField(_("appearance"), max_length=6, choices=Theme, default=Theme.SYSTEM)
    has_keys = models.BooleanField(_("single keys act"), default=True)
    crashes_seen_at = models.DateTimeField(_("told of crashes until"), null=True, blank=True)

    objects: ClassVar[models.Manager["Profile"]] = models.Manager()

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.user_id)
