"""The proof that a session lost nothing: every photo exactly once, counters equal to the rows."""

from collections import Counter
from dataclasses import dataclass

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.batch import COUNTERS
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
    for position, decision in rows.values_list("position", "decision").iterator(5000):
        seen[position] += 1
        decisions[decision] += 1
    found = sum(1 for position in seen if position < photos)
    stored = session.counts()
    counted = {name: decisions[name] for name in COUNTERS[1:]} | {"processed": seen.total()}
    return Proof(
        photos=photos,
        results=seen.total(),
        missing=photos - found,
        doubled=seen.total() - found,
        counters_differ=any(stored[name] != counted[name] for name in COUNTERS),
    )
