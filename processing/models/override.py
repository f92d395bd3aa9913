"""A person's verdict on a photo: an event, never an edit of the machine's."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from processing.states import Verdict

if TYPE_CHECKING:
    from processing.models.batch import Batch
    from processing.models.result import ImageResult


class OverrideQuerySet(models.QuerySet["Override"]):
    """Events by what counts of them."""

    def of_batch(self, batch: "Batch") -> Self:
        """Those of a batch's photos."""
        last = batch.first_position + batch.photos_count - 1
        return self.filter(session=batch.session_id, position__range=(batch.first_position, last))

    def newest(self) -> "dict[int, Override]":
        """Give the newest event of each position among these; the caller bounds their number."""
        found: dict[int, Override] = {}
        for event in self.order_by("position", "-pk"):
            found.setdefault(event.position, event)
        return found


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

    objects = OverrideQuerySet.as_manager()

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

    def verdict_on(self, result: "ImageResult") -> str:
        """Give the verdict that this event has on a row; empty when it withdraws or the content is another one.

        test: test_override_lapses_when_the_content_differs_and_comes_back_with_it.
        """
        return self.new if self.content == result.content else ""


def decide(results: "Iterable[ImageResult]", events: Mapping[int, Override]) -> Counter[str]:
    """Decide rows: the person's verdict in force, else the machine's; give what that changes in the measured counts.

    test: test_override_survives_that_its_photo_is_analyzed_again.
    """
    shift: Counter[str] = Counter()
    for result in results:
        event = events.get(result.position)
        result.decision = (event and event.verdict_on(result)) or result.machine_verdict
        if result.decision != result.verdict:
            shift.update({result.decision: 1, result.verdict: -1})
    return shift
