"""Putting result rows aside and taking them back, and counting anew what that changes.

Everything here runs in the transaction of a caller that has locked the session's row; `fence` comes first. Rows are
never deleted, so whatever is put aside can be taken back (guarantee 7).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, F, Min, Sum
from django.db.models.functions import Coalesce

from processing import digests
from processing.models import Batch, ImageResult, Override, ProcessingSession
from processing.models.commit import COUNTERS
from processing.models.result import ResultQuerySet
from processing.overriding import persons_verdict, redecide, shift_of
from processing.states import BatchKind, BatchStatus, Relation, Verdict

BATCHES_PER_PAGE = 200
RECOUNTED = (*COUNTERS, "reason_counts", "digest", "status", "worker_id", "lease")
COUNTED = ("batch_id", "pk", "created_at", "mac", "verdict", "reasons")


@dataclass(frozen=True, slots=True)
class Change:
    """What was put aside or taken back: how many rows, of which batches, and the lowest key among them."""

    count: int = 0
    batch_ids: frozenset[int] = frozenset()
    lowest: int | None = None

    def __add__(self, other: "Change") -> "Change":
        lows = [low for low in (self.lowest, other.lowest) if low is not None]
        return Change(self.count + other.count, self.batch_ids | other.batch_ids, min(lows, default=None))


@dataclass(slots=True)
class LiveRows:
    """What a batch's live rows add up to."""

    counters: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    links: list[tuple[int, datetime, bytes]] = field(default_factory=list)


def fence(session: ProcessingSession) -> None:
    """Take every lease of a session away, so that nobody who held one can write any more.

    The rows are locked first: a holder may commit, or give its lease back, at this moment.
    test: test_recover_goes_on_when_the_holder_gives_its_lease_back_meanwhile.
    """
    held = Batch.objects.leased().filter(session=session).select_for_update(no_key=True)
    for batch in held.order_by("number", "pk"):
        batch.take_away()


def supersede(rows: ResultQuerySet, number: int) -> Change:
    """Put live rows aside under the number of a recovery."""
    return _mark(rows.filter(superseded_by=None), number)


def revive(rows: ResultQuerySet) -> Change:
    """Take rows back that were put aside."""
    return _mark(rows.exclude(superseded_by=None), None)


def redecide_if_overruled(session: ProcessingSession) -> None:
    """Bring decisions of rows that came back under what persons have said since."""
    if Override.objects.filter(session=session).exists():
        redecide(session)


def _mark(rows: ResultQuerySet, number: int | None) -> Change:
    rows = rows.order_by()
    batch_ids = frozenset(rows.values_list("batch_id", flat=True).distinct())
    lowest = rows.aggregate(lowest=Min("pk"))["lowest"]
    return Change(rows.update(superseded_by=number), batch_ids, lowest) if batch_ids else Change()


def recount(session: ProcessingSession, batch_ids: Collection[int]) -> None:
    """Count some batches, then their session, from the live rows: counters, reasons, digests, sums, status.

    The one place where counters come from rows (guarantee 11). A batch with a photo left is queued again.
    """
    ids = sorted(batch_ids)
    for start in range(0, len(ids), BATCHES_PER_PAGE):
        _recount_page(ids[start : start + BATCHES_PER_PAGE])
    _recount_session(session)


def _recount_page(ids: Sequence[int]) -> None:
    counts = dict(_counts_of(ids))
    batches = list(Batch.objects.filter(pk__in=ids).defer("manifest").order_by("pk"))
    for batch in batches:
        _apply(batch, counts.get(batch.pk, LiveRows()))
    _store(batches)


def _store(batches: Iterable[Batch]) -> None:
    """Write those that are alike in one statement: after a fresh start all are.

    `bulk_update` makes one CASE per batch and column, which took four fifths of a fresh start's time under the lock.
    """
    alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for batch in batches:
        values = {name: getattr(batch, name) for name in RECOUNTED}
        alike.setdefault(repr(values), (values, []))[1].append(batch.pk)
    for values, ids in alike.values():
        Batch.objects.filter(pk__in=ids).update(**values)


def _counts_of(ids: Sequence[int]) -> Iterator[tuple[int, LiveRows]]:
    rows = ImageResult.objects.live().filter(batch__in=ids).order_by("batch_id", "pk").values_list(*COUNTED)
    for batch_id, group in groupby(rows.iterator(digests.ROWS_PER_READ), key=lambda row: row[0]):
        count = LiveRows()
        for _batch_id, pk, created_at, mac, verdict, reasons in group:
            count.counters[verdict] += 1
            count.reasons.update(reason["code"] for reason in reasons)
            count.links.append((pk, created_at, bytes(mac)))
        yield batch_id, count


def _apply(batch: Batch, count: LiveRows) -> None:
    for name in COUNTERS[1:]:
        setattr(batch, name, count.counters[name])
    batch.processed = count.counters.total()
    batch.reason_counts = dict(count.reasons)
    batch.digest = digests.extend(digests.EMPTY, batch.pk, count.links)
    is_done = batch.processed == batch.photos_count
    batch.requeue(is_done=is_done)


def _recount_session(session: ProcessingSession) -> None:
    """Add the finished batches up, and what decisions change."""
    done = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS, status=BatchStatus.DONE)
    sums = done.aggregate(**{f"{name}_sum": Sum(name) for name in COUNTERS})
    changes: dict[str, Any] = {name: sums[f"{name}_sum"] or 0 for name in COUNTERS}
    reasons = count_compared(session)
    for reason_counts in done.order_by("pk").values_list("reason_counts", flat=True).iterator():
        reasons.update(reason_counts)
    changes.update(
        reason_counts=dict(reasons),
        shift=shift_of(session),
        finished_sum=digests.finished_sum(Batch.objects.finished_digests(session.pk).iterator()),
    )
    ProcessingSession.objects.filter(pk=session.pk).update(**changes)
    session.refresh_from_db()


def count_compared(session: ProcessingSession) -> Counter[str]:
    """Count the approved photos that the comparison rejects, by reason."""
    rows = ImageResult.objects.live().filter(session=session, verdict=Verdict.APPROVED)
    found = rows.exclude(relation=Relation.NONE).order_by().values_list("relation").annotate(Count("pk"))
    return Counter(dict(found))


def clear_relations(session: ProcessingSession) -> None:
    """Forget an earlier comparison: decisions are those of persons, else the measured verdicts; under the lock."""
    compared = ImageResult.objects.filter(session=session).exclude(similar_group=None)
    cleared = compared.update(
        similar_group=None,
        relation=Relation.NONE,
        distance=None,
        decision=Coalesce(persons_verdict(), F("verdict")),
    )
    if cleared:
        session.set_shift(shift_of(session))


def clear_comparison(session: ProcessingSession) -> None:
    """Forget an earlier comparison and queue it again; it runs when all photos are done."""
    clear_relations(session)
    for batch in Batch.objects.filter(session=session, kind=BatchKind.COMPARE).order_by("pk"):
        batch.requeue(is_done=False)
        Batch.objects.bulk_update([batch], ["status", "worker", "lease"])
