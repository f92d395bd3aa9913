"""Finds the next photos of a session that match a filter: as few queries and rows, however many photos there are.

Decisions have an index, reasons have none. What a batch counts of its reasons says whether it need be looked into;
what compare found is looked for among so many positions at a time. A look that ends early says how far it came.
"""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from processing.states import Relation

if TYPE_CHECKING:
    from collections.abc import Iterable

# What one look reads at most: counts of batches, photos of batches that have the reason, photos for compare's reasons.
BATCHES_MAX = 25_000
PHOTOS_MAX = 4_000
POSITIONS_MAX = 60_000
# What no page shows of a photo is not read.
UNREAD = ("fingerprint", "mac", "path")
COMPARED = (Relation.SIMILAR.value, Relation.DUPLICATE.value)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which photos are asked for: those with this decision and this reason of the machine; empty means any."""

    verdict: str = ""
    reason: str = ""

    def rows(self, session: ProcessingSession) -> ResultQuerySet:
        """Give the live rows that may match; `takes` has the last word about a reason."""
        rows = ImageResult.objects.live().filter(session=session).defer(*UNREAD)
        if self.verdict:
            rows = rows.filter(decision=self.verdict)
        if self.reason in COMPARED:
            return rows.filter(relation=self.reason)
        if self.reason:
            return rows.annotate(text=Cast("reasons", TextField())).filter(text__contains=f'"{self.reason}"')
        return rows

    def takes(self, row: ImageResult) -> bool:
        """Whether the row has the reason that is asked for."""
        return not self.reason or self.reason in row.reason_codes


@dataclass(frozen=True, slots=True)
class Found:
    """Matching photos in the order in which they were met.

    `further` is the position behind which to go on looking; None when there is nothing beyond.
    """

    rows: list[ImageResult]
    further: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """The positions that one look reads (all when None), and `further` as in Found."""

    positions: "range | list[int] | None" = None
    further: int | None = None


def look(session: ProcessingSession, wanted: Filter, start: int, limit: int, *, back: bool = False) -> Found:
    """Find the next matching photos behind a position, or those before it with `back`, nearest first."""
    window = _window(session, wanted, start, limit, back=back)
    rows = _among(wanted.rows(session), window.positions)
    read = list(_towards(rows, start, back=back)[: limit + 1])
    found = [row for row in read[:limit] if wanted.takes(row)]
    return Found(found, read[limit - 1].position if len(read) > limit else window.further)


def _towards(rows: ResultQuerySet, start: int, *, back: bool) -> ResultQuerySet:
    """Put rows in the order in which a look meets them."""
    if back:
        return rows.filter(position__lt=start).order_by("-position", "-pk")
    return rows.filter(position__gt=start).order_by("position", "pk")


def _among(rows: ResultQuerySet, positions: "range | list[int] | None") -> ResultQuerySet:
    if positions is None:
        return rows
    if isinstance(positions, range):
        return rows.filter(position__range=(positions.start, positions.stop - 1))
    return rows.filter(position__in=positions)


def _window(session: ProcessingSession, wanted: Filter, start: int, limit: int, *, back: bool) -> Window:
    if not wanted.reason:
        return Window()
    if wanted.reason in COMPARED:
        return _window_of_positions(session, start, back=back)
    return _window_of_batches(session, wanted.reason, start, limit, back=back)


def _window_of_positions(session: ProcessingSession, start: int, *, back: bool) -> Window:
    """Take the next positions as they are."""
    last = session.found_count - 1
    if back:
        first = max(start - POSITIONS_MAX, 0)
        return Window(range(first, start), first or None)
    stop = start + POSITIONS_MAX
    return Window(range(start + 1, stop + 1), stop if stop < last else None)


def _window_of_batches(
    session: ProcessingSession, reason: str, start: int, limit: int, *, back: bool
) -> Window:
    """Take the positions of the next batches that have the reason; each of them has at least one photo with it."""
    origin = _origin(session, start, back=back)
    if origin is None:
        return Window([])
    edge = origin - BATCHES_MAX if back else origin + BATCHES_MAX
    numbers = (edge, origin) if back else (origin, edge)
    batches = Batch.objects.with_results(session).filter(number__range=numbers)
    batches = batches.filter(Q(reason_counts__has_key=reason) | Q(number=edge))
    rows = batches.order_by("-number" if back else "number", "pk").values_list(
        "number", "first_position", "photos_count"
    )
    return _cut(list(rows[: limit + 2]), start, limit, edge, back=back)


def _origin(session: ProcessingSession, start: int, *, back: bool) -> int | None:
    """Find the number of the batch in which the look begins."""
    rows = _towards(ImageResult.objects.live().filter(session=session), start, back=back)
    return rows.values_list("batch__number", flat=True).first()


def _cut(rows: list[tuple[int, int, int]], start: int, limit: int, edge: int, *, back: bool) -> Window:
    """Take positions of batches until the page must be full, or a look has read enough."""
    ranges: Iterable[range] = (range(first, first + count) for _number, first, count in rows)
    ranges = (reversed(span) if back else span for span in ranges)  # type: ignore[misc]
    beyond = [position for position in chain.from_iterable(ranges) if (position < start) == back]
    positions = beyond[:PHOTOS_MAX]
    is_cut = len(beyond) > PHOTOS_MAX or len(rows) > limit + 1 or (bool(rows) and rows[-1][0] == edge)
    return Window(positions, positions[-1] if is_cut and positions else None)
