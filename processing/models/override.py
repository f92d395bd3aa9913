"""A person's verdict on a photo: an event, never an edit of the machine's."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from processing.states import Verdict


class Override(models.Model):
    """One event. It belongs to a position and a content; the newest of a position wins while its content is the same.

    An empty `new` withdraws the one before.
    """

    session = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, related_name="overrides", db_index=False
    )
    position = models.PositiveBigIntegerField(_("position"))
    content = models.CharField(_("content"), max_length=64)
    by = models.CharField(_("by"), max_length=150, blank=True)
    note = models.TextField(_("note"), blank=True)
    old = models.CharField(_("before"), max_length=12, choices=Verdict)
    new = models.CharField(_("after"), max_length=12, choices=Verdict, blank=True)
    created_at = models.DateTimeField(_("at"), db_default=Now())

    objects: ClassVar[models.Manager["Override"]] = models.Manager()

    class Meta:
        verbose_name = _("override")
        verbose_name_plural = _("overrides")
        indexes: ClassVar = [
            models.Index(fields=["session", "position", "-id"], name="override_newest_by_position"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(new__in=[*Verdict.values, ""]), name="override_verdict_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.position} {self.new or 'withdrawn'}"
