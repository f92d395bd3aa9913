"""A session's own numbers against its batches: counters, reasons, the sum of digests. Reads only."""

import hmac
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, QuerySet, Sum

from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.batch import COUNTERS
from processing.states import BatchKind, BatchStatus, Relation, Stage, Verdict
from recovery.findings import Code, Finding, found

ROWS_PER_READ = 2000


def check_sums(session: ProcessingSession) -> list[Finding]:
    """Compare a session's row with its finished batches; who must not see a batch end half way locks its row.

    Takes time by the number of batches; of a completed session, whose reasons hold compare's, by that of rows.
    """
    return list(_sum_problems(session))


def _sum_problems(session: ProcessingSession) -> Iterator[Finding]:
    finished = finished_batches(session)
    counted = finished.aggregate(**{name: Sum(name, default=0) for name in COUNTERS})
    stored = {name: getattr(session, name) for name in COUNTERS}
    if counted != stored:
        yield found(Code.SESSION_COUNTERS, f"The session counts {stored}, its finished batches {counted}.")
    reasons = reasons_of(session)
    if dict(reasons) != session.reason_counts:
        text = f"The session counts the reasons {session.reason_counts}, its batches {dict(reasons)}."
        yield found(Code.SESSION_REASONS, text)
    if not _sum_holds(session):
        yield found(Code.SUM, "The session's keyed sum is not that of its finished batches' digests.")


def _sum_holds(session: ProcessingSession) -> bool:
    """Say whether the keyed sum is that of the finished batches, under the key that it names itself."""
    secret = keys.secret_of(session.finished_sum)
    pairs = Batch.objects.finished_digests(session.pk).iterator(ROWS_PER_READ)
    return secret is not None and hmac.compare_digest(
        bytes(session.finished_sum), digests.finished_sum(pairs, secret=secret)
    )


def finished_batches(session: ProcessingSession) -> "QuerySet[Batch]":
    """Give a session's finished batches of photos, without an order."""
    done = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS, status=BatchStatus.DONE)
    return done.order_by()


def reasons_of(session: ProcessingSession) -> "Counter[str]":
    """Count reasons as the session should: those of its finished batches and, once completed, compare's."""
    counts: Counter[str] = Counter()
    for one in finished_batches(session).values_list("reason_counts", flat=True).iterator(ROWS_PER_READ):
        counts.update(one)
    if session.stage == Stage.COMPLETED:
        for relation, count in _moved_by_compare(session):
            counts[relation] += count
    return counts


def _moved_by_compare(session: ProcessingSession) -> "QuerySet[Any, tuple[str, int]]":
    approved = ImageResult.objects.live().filter(session=session, verdict=Verdict.APPROVED)
    moved = approved.exclude(relation=Relation.NONE).order_by()
    return moved.values("relation").annotate(count=Count("pk")).values_list("relation", "count")
