"""A session's own row against its batches and its rows; leases; rows that are in no batch of it. Reads only."""

import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.commit import COUNTERS
from processing.overriding import shift_of
from processing.states import BatchKind, BatchStatus, Stage
from processing.superseding import count_compared
from recovery.findings import Code, Finding, found

if TYPE_CHECKING:
    from processing.models.batch import BatchQuerySet

ROWS_PER_READ = 2000


def check_sums(session: ProcessingSession) -> list[Finding]:
    """Compare a session's row with its finished batches; who must not see a batch end half way locks its row.

    Takes time by the number of batches; of a completed session, whose reasons hold compare's, by that of rows.
    """
    return list(_sum_problems(session))


def check_session(session: ProcessingSession) -> list[Finding]:
    """Compare all that a session's row says with what is stored; as `check_sums`, and by the number of rows."""
    return [
        *_sum_problems(session),
        *_shift_problems(session),
        *_list_problems(session),
        *_stage_problems(session),
        *_strays(session),
        *_orphaned_leases(session),
    ]


def _sum_problems(session: ProcessingSession) -> Iterator[Finding]:
    counted = _add_up(session)
    stored = {name: getattr(session, name) for name in COUNTERS}
    if counted.counters != stored:
        text = f"The session counts {stored}, its finished batches {counted.counters}."
        yield found(Code.SESSION_COUNTERS, text)
    if dict(counted.reasons) != session.reason_counts:
        reasons = dict(counted.reasons)
        text = f"The session counts the reasons {session.reason_counts}, its batches {reasons}."
        yield found(Code.SESSION_REASONS, text)
    if keys.secret_of(session.finished_sum) is None or not hmac.compare_digest(
        bytes(session.finished_sum), counted.keyed_sum
    ):
        yield found(Code.SUM, "The session's keyed sum is not that of its finished batches' digests.")


@dataclass(slots=True)
class Finished:
    """What a session's finished batches add up to; the keyed sum under the key that the session's own one names."""

    counters: dict[str, int]
    reasons: "Counter[str]"
    keyed_sum: bytes = digests.EMPTY


def _add_up(session: ProcessingSession) -> Finished:
    """Add all of it up in one pass: the manifests that lie between make reading batches slow on SQLite.

    Reasons are those of the batches and, once the session is completed, compare's.
    """
    compared = count_compared(session) if session.stage == Stage.COMPLETED else Counter()
    total = Finished(dict.fromkeys(COUNTERS, 0), compared)
    secret = keys.secret_of(session.finished_sum)
    columns = ("pk", "digest", Cast("reason_counts", TextField()), *COUNTERS)
    rows = finished_batches(session).values_list(*columns).iterator(ROWS_PER_READ)
    while page := list(islice(rows, ROWS_PER_READ)):
        pks, batch_digests, reasons, *counters = zip(*page, strict=True)
        for name, column in zip(COUNTERS, counters, strict=True):
            total.counters[name] += sum(column)
        total.reasons.update(_add_reasons(reasons))
        page_sum = digests.finished_sum(zip(pks, batch_digests, strict=True), secret=secret)
        total.keyed_sum = digests.add(total.keyed_sum, page_sum)
    return total


def _add_reasons(texts: Iterable[str]) -> "Counter[str]":
    """Add counts by reason up, each a JSON object; one that is there several times is read once."""
    reasons: Counter[str] = Counter()
    for text, times in Counter(texts).items():
        reasons.update({code: count * times for code, count in Counter(json.loads(text)).items()})
    return reasons


def finished_batches(session: ProcessingSession) -> "BatchQuerySet":
    """Give a session's finished batches of photos, without an order."""
    return photo_batches(session).filter(status=BatchStatus.DONE)


def photo_batches(session: ProcessingSession) -> "BatchQuerySet":
    """Give a session's batches of photos, without an order."""
    return Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by()


def _shift_problems(session: ProcessingSession) -> Iterator[Finding]:
    shift = shift_of(session)
    if shift != session.shift:
        yield found(Code.SHIFT, f"Decisions shift the counts by {shift}, the session says {session.shift}.")


def _list_problems(session: ProcessingSession) -> Iterator[Finding]:
    """Compare the batches' places with each other: each begins where the one before ends, and none is missing."""
    listed = 0
    rows: QuerySet[Any, tuple[int, int, int]] = (
        photo_batches(session).order_by("number").values_list("number", "first_position", "photos_count")
    )
    for number, first, photos_count in rows.iterator(ROWS_PER_READ):
        if first != listed:
            text = f"Batch {number} begins at photo {first}; the one before ends at {listed}."
            yield found(Code.MANIFEST, text)
        listed = first + photos_count
    if session.stage != Stage.SCANNING and (session.found_count, session.total) != (listed, listed):
        text = f"The batches list {listed} photos, the session {session.found_count} of {session.total}."
        yield found(Code.MANIFEST, text)


def _stage_problems(session: ProcessingSession) -> Iterator[Finding]:
    if session.stage not in (Stage.COMPARING, Stage.COMPLETED):
        return
    numbers = photo_batches(session).unfinished().order_by("number").values_list("number", flat=True)
    for number in numbers.iterator(ROWS_PER_READ):
        text = f"Batch {number} is not done, though the session is {session.stage}."
        yield found(Code.GAP, text, repairable=True)


def _strays(session: ProcessingSession) -> Iterator[Finding]:
    """Name rows that say they are of this session and lie in no batch of photos of it."""
    own = Q(batch__session=session, batch__kind=BatchKind.PHOTOS)
    rows = ImageResult.objects.filter(~own, session=session).order_by("pk")
    for pk, position, path_text in rows.values_list("pk", "position", "path_text").iterator(ROWS_PER_READ):
        text = f"Result {pk} of photo {position} ({path_text}) lies in no batch of photos of this session."
        yield found(Code.MISPLACED, text)


def orphaned(session: ProcessingSession) -> "BatchQuerySet":
    """Give the batches that a worker holds who has ended."""
    held = Batch.objects.leased().filter(session=session, worker__ended_at__isnull=False)
    return held.order_by("number", "pk")


def _orphaned_leases(session: ProcessingSession) -> Iterator[Finding]:
    for batch in orphaned(session).select_related("worker"):
        text = f"Batch {batch.number} is held by worker {batch.worker}, which has ended."
        yield found(Code.LEASE, text)
