"""One photo's verdict with its reasons and measures. Rows are added and superseded, never edited."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import connection, models
from django.db.models import F, Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from processing import keys
from processing.states import Relation, Verdict

RECENT_ROWS = 10_000
# What the machine wrote of a photo, in the order in which its mac covers it.
SIGNED = (
    "batch_id",
    "position",
    "path",
    "path_text",
    "size_bytes",
    "mtime_ns",
    "sha256",
    "width_px",
    "height_px",
    "verdict",
    "reasons",
    "measures",
    "fingerprint",
    "note",
    "lease",
    "attempt",
)


class ResultQuerySet(models.QuerySet["ImageResult"]):
    """Results by whether they count."""

    def live(self) -> Self:
        """Those that no recovery has put aside."""
        return self.filter(superseded_by=None)

    def in_order(self) -> Self:
        """Order of positions."""
        return self.order_by("position", "pk")

    def with_machine_verdict(self, verdict: str) -> Self:
        """Those of which the machine says this, the compare stage included."""
        moved = Q(verdict=Verdict.APPROVED) & ~Q(relation=Relation.NONE)
        measured = self.filter(
            Q(verdict=verdict) | moved if verdict == Verdict.REJECTED else Q(verdict=verdict)
        )
        return measured.exclude(moved) if verdict == Verdict.APPROVED else measured

    def find_newest(self) -> tuple[int, datetime] | None:
        """Read key and instant of a session's newest row among these; None when there is none.

        PostgreSQL would go down the keys of all sessions, past whatever others have added since: 1.9 s for a million
        rows at a load of 18. So the newest keys of all are looked at first, then this session's rows alone.
        test: test_newest_row_is_found_without_passing_the_rows_of_others.
        """
        newest = self.order_by("-pk").values_list("pk", "created_at")
        if connection.vendor != "postgresql":
            return newest.first()
        top = ImageResult.objects.aggregate(top=Max("pk"))["top"] or 0
        recent = newest.filter(pk__gt=top - RECENT_ROWS).first()
        return recent or newest.order_by((F("pk") + 0).desc()).first()


class ImageResult(models.Model):
    """The verdict on one photo, with the file as it was when it was read.

    Machine-written columns never change. `similar_group`, `relation`, `distance` and `decision` are derived
    and may be computed again at any time: `decision` is the person's verdict, else compare's, else the measured one.
    """

    session = models.ForeignKey("processing.ProcessingSession", models.CASCADE, related_name="results")
    batch = models.ForeignKey("processing.Batch", models.CASCADE, related_name="results")
    position = models.PositiveBigIntegerField(_("position"))
    path = models.BinaryField(_("path"))
    path_text = models.TextField(_("path as text"))
    size_bytes = models.BigIntegerField(_("bytes"))
    mtime_ns = models.BigIntegerField(_("changed, in nanoseconds"))
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    width_px = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height_px = models.PositiveIntegerField(_("height"), null=True, blank=True)
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict)
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    measures = models.JSONField(_("measures"), default=dict, blank=True)
    fingerprint = models.BinaryField(_("perceptual hash"), default=bytes, blank=True)
    note = models.TextField(_("what happened"), blank=True)
    lease = models.PositiveBigIntegerField(_("fencing number"))
    attempt = models.PositiveIntegerField(_("attempt"))
    mac = models.BinaryField(_("keyed hash"), default=bytes)
    created_at = models.DateTimeField(_("committed"), db_default=Now())

    superseded_by = models.PositiveIntegerField(_("put aside by attempt"), null=True, blank=True)
    similar_group = models.PositiveBigIntegerField(_("group of similar photos"), null=True, blank=True)
    relation = models.CharField(
        _("relation"), max_length=10, choices=Relation, default=Relation.NONE, blank=True
    )
    distance = models.FloatField(_("distance to the one kept"), null=True, blank=True)
    decision = models.CharField(_("decision"), max_length=12, choices=Verdict)

    objects = ResultQuerySet.as_manager()

    class Meta:
        verbose_name = _("result")
        verbose_name_plural = _("results")
        indexes: ClassVar = [
            models.Index(
                fields=["session", "decision", "position"],
                condition=Q(superseded_by=None),
                name="live_result_by_decision",
            ),
            models.Index(
                fields=["session", "superseded_by"],
                condition=Q(superseded_by__isnull=False),
                name="superseded_result_by_attempt",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["session", "position"],
                condition=Q(superseded_by=None),
                name="one_live_result_per_photo",
            ),
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="verdict_is_known"),
            models.CheckConstraint(condition=Q(decision__in=Verdict.values), name="decision_is_known"),
            models.CheckConstraint(condition=Q(relation__in=Relation.values), name="relation_is_known"),
        ]

    def __str__(self) -> str:
        return self.path_text

    @property
    def content(self) -> str:
        """What an override is bound to: the file's hash, else its size and instant of change."""
        return self.sha256 or f"{self.size_bytes} {self.mtime_ns}"

    @property
    def is_moved(self) -> bool:
        """Whether compare rejects it: it was approved and resembles a better photo."""
        return self.verdict == Verdict.APPROVED and self.relation != Relation.NONE

    @property
    def machine_verdict(self) -> str:
        """The machine's verdict, the compare stage included."""
        return Verdict.REJECTED.value if self.is_moved else str(self.verdict)

    @property
    def reason_codes(self) -> list[str]:
        """Codes of the machine's reasons, the compare stage included."""
        codes = [str(reason["code"]) for reason in self.reasons]
        return [*codes, str(self.relation)] if self.is_moved else codes

    def sign(self) -> None:
        """Put the keyed hash over every column that the machine writes."""
        self.mac = keys.sign("result", self._signed())

    def is_authentic(self) -> bool:
        """Whether no column that the machine wrote has changed. Key and instant are held by the batch's digest."""
        return keys.holds(bytes(self.mac), "result", self._signed())

    def _signed(self) -> bytes:
        return keys.canonical([str(self.session_id), *(getattr(self, name) for name in SIGNED)])
