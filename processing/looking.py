"""Finds the next photos of a session that match a filter: as few queries and rows, however many photos there are.

Decisions have an index, reasons have none. What a batch counts of its reasons says whether it need be looked into;
what compare found is looked for among so many positions at a time. A look that ends early says how far it came.
"""

from dataclasses import dataclass
from itertools import chain

from django.db.models import TextField
from django.db.models.functions import Cast

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from processing.states import Relation

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

    @property
    def is_by_position(self) -> bool:
        """Whether neither an index nor what batches count leads to the photos, so that only so many are read."""
        return self.reason in COMPARED


@dataclass(frozen=True, slots=True)
class MachineFilter(Filter):
    """The same, but the verdict is the machine's; rows come whole."""

    def rows(self, session: ProcessingSession) -> ResultQuerySet:
        """Give the live rows that may match; `takes` has the last word about a reason."""
        rows = Filter(reason=self.reason).rows(session).defer(None)
        return rows.with_machine_verdict(self.verdict) if self.verdict else rows

    @property
    def is_by_position(self) -> bool:
        """Whether only so many photos are read: decisions have an index, the machine's verdicts have none."""
        return self.reason in COMPARED or (bool(self.verdict) and not self.reason)


@dataclass(frozen=True, slots=True)
class Found:
    """Matching photos in the order in which they were met.

    `further` is the position behind which to go on looking; None when there is nothing beyond.
    """

    rows: list[ImageResult]
    further: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """The positions that one look reads, and of which batches (all where None); `further` as in Found."""

    positions: range | None = None
    batch_ids: list[int] | None = None
    further: int | None = None


def look(session: ProcessingSession, wanted: Filter, start: int, limit: int, *, back: bool = False) -> Found:
    """Find the next matching photos behind a position, or those before it with `back`, nearest first."""
    window = _window(session, wanted, start, limit, back=back)
    rows = _among(wanted.rows(session), window)
    read = list(_towards(rows, start, back=back)[: limit + 1])
    found = [row for row in read[:limit] if wanted.takes(row)]
    return Found(found, read[limit - 1].position if len(read) > limit else window.further)


def _towards(rows: ResultQuerySet, start: int, *, back: bool) -> ResultQuerySet:
    """Put rows in the order in which a look meets them."""
    if back:
        return rows.filter(position__lt=start).order_by("-position", "-pk")
    return rows.filter(position__gt=start).order_by("position", "pk")


def _among(rows: ResultQuerySet, window: Window) -> ResultQuerySet:
    """Leave out what the window does not hold. Single positions, 3,000 of them, would take a third of a look."""
    if window.positions is not None:
        rows = rows.filter(position__range=(window.positions.start, window.positions.stop - 1))
    return rows if window.batch_ids is None else rows.filter(batch__in=window.batch_ids)


def _window(session: ProcessingSession, wanted: Filter, start: int, limit: int, *, back: bool) -> Window:
    if wanted.is_by_position:
        return _window_of_positions(session, start, back=back)
    if not wanted.reason:
        return Window()
    return _window_of_batches(session, wanted.reason, start, limit, back=back)


def _window_of_positions(session: ProcessingSession, start: int, *, back: bool) -> Window:
    """Take the next positions as they are."""
    last = session.found_count - 1
    if back:
        first = max(start - POSITIONS_MAX, 0)
        return Window(range(first, start), further=first or None)
    stop = start + POSITIONS_MAX
    return Window(range(start + 1, stop + 1), further=stop if stop < last else None)


def _window_of_batches(
    session: ProcessingSession, reason: str, start: int, limit: int, *, back: bool
) -> Window:
    """Take the positions of the next batches that have the reason; each of them has at least one photo with it."""
    origin = _origin(session, start, back=back)
    if origin is None:
        return Window(batch_ids=[])
    edge = origin - BATCHES_MAX if back else origin + BATCHES_MAX
    numbers = (edge, origin) if back else (origin, edge)
    batches = Batch.objects.with_results(session).filter(number__range=numbers, reason_counts__has_key=reason)
    ordered = batches.order_by("-number" if back else "number", "pk")
    rows = list(ordered.values_list("pk", "first_position", "photos_count")[: limit + 2])
    batch_ids = [pk for pk, _first, _count in rows]
    met = _positions([(first, count) for _pk, first, count in rows], start, back=back)
    if len(met) > PHOTOS_MAX or len(rows) > limit + 1:
        return Window(_span(met[:PHOTOS_MAX]), batch_ids, met[:PHOTOS_MAX][-1])
    return Window(_span(met), batch_ids, _beyond(session, edge, back=back))


def _span(positions: list[int]) -> range:
    """Give the range from the lowest to the highest position; positions are in order, up or down."""
    return (
        range(min(positions[0], positions[-1]), max(positions[0], positions[-1]) + 1)
        if positions
        else range(0)
    )


def _origin(session: ProcessingSession, start: int, *, back: bool) -> int | None:
    """Find the number of the batch in which the look begins."""
    rows = _towards(ImageResult.objects.live().filter(session=session), start, back=back)
    return rows.values_list("batch__number", flat=True).first()


def _positions(rows: list[tuple[int, int]], start: int, *, back: bool) -> list[int]:
    """List the positions of batches that are still to be met, in the order in which a look meets them."""
    spans = (range(first, first + count) for first, count in rows)
    met = chain.from_iterable(reversed(span) if back else span for span in spans)
    return [position for position in met if (position < start) == back and position != start]


def _beyond(session: ProcessingSession, edge: int, *, back: bool) -> int | None:
    """Find where the batches go on behind the last one that was looked at; None when there are no more."""
    batches = Batch.objects.with_results(session)
    if back:
        last = (
            batches.filter(number__lt=edge)
            .order_by("-number", "pk")
            .values_list("first_position", "photos_count")
        )
        return next((first + count for first, count in last[:1]), None)
    following = batches.filter(number__gt=edge).values_list("first_position", flat=True)
    return next((first - 1 for first in following[:1]), None)
