"""The proof that a session lost nothing: every photo exactly once, counters equal to the rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.commit import COUNTERS
from processing.states import BatchKind


@dataclass(frozen=True, slots=True)
class Proof:
    """What was counted over all live rows of a session."""

    photos: int
    results: int
    missing: int
    doubled: int
    counters_differ: bool

    @property
    def holds(self) -> bool:
        """Whether each photo has exactly one verdict, and the counters say so too."""
        return not (self.missing or self.doubled or self.counters_differ)


def prove(session: ProcessingSession) -> Proof:
    """Count a session's live rows against its manifests and its counters.

    A row of a position that no manifest holds counts as doubled: it stands for no photo.
    """
    photos = sum(
        Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).values_list("photos_count", flat=True)
    )
    rows = ImageResult.objects.live().filter(session=session).in_order()
    seen: Counter[int] = Counter()
    decisions: Counter[str] = Counter()
    shift: Counter[str] = Counter()
    for position, verdict, decision in rows.values_list("position", "verdict", "decision").iterator(5000):
        seen[position] += 1
        decisions[decision] += 1
        if decision != verdict:
            shift.update({decision: 1, verdict: -1})
    found = sum(1 for position in seen if position < photos)
    counted = {name: decisions[name] for name in COUNTERS[1:]} | {"processed": seen.total()}
    return Proof(
        photos=photos,
        results=seen.total(),
        missing=photos - found,
        doubled=seen.total() - found,
        counters_differ=session.counts() != counted or _stored_shift(session) != _without_zeros(shift),
    )


def _stored_shift(session: ProcessingSession) -> dict[str, int]:
    """Read what decisions change in the measured counts: with it wrong, wrong counters could still add up."""
    return _without_zeros(ProcessingSession.objects.values_list("shift", flat=True).get(pk=session.pk))


def _without_zeros(shift: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in shift.items() if count}
