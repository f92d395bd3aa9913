"""An answer that is given again when a request is sent again with the same Idempotency-Key."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class KeptAnswer(models.Model):
    """What was answered to one person's request with one key; without a status it is still being answered.

    `key` is a SHA-256 of the person and the key, `request` one of method, path and body.
    """

    key = models.CharField(_("key"), max_length=64, primary_key=True)
    request = models.CharField(_("request"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    headers = models.JSONField(_("headers"), default=dict)
    body = models.BinaryField(_("body"), default=b"")
    created_at = models.DateTimeField(_("created"), db_default=Now())

    objects: ClassVar[models.Manager["KeptAnswer"]] = models.Manager()

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        indexes: ClassVar = [models.Index(fields=["created_at"], name="answer_oldest_first")]

    def __str__(self) -> str:
        return self.key[:12]

    @classmethod
    def keep(cls, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep what was answered to the request that has taken the key."""
        cls.objects.filter(pk=key).update(status=status, headers=dict(headers), body=body)
