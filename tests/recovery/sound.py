"""Sessions in which everything holds, made by the product's own commits, for tests that then spoil one thing."""

from typing import Any

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.similarity import run_compare
from processing.states import BatchKind, BatchStatus, Stage, Verdict
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal

VERDICTS = (Verdict.APPROVED, Verdict.REJECTED, Verdict.APPROVED, Verdict.UNREADABLE)


def sound_session(
    *, done: int = 2, photos_count: int = 4, begun: int = 2, **columns: Any
) -> ProcessingSession:
    """Make a running session: `done` finished batches, and one that a worker holds with `begun` results."""
    total = (done + 1) * photos_count
    session = make_session(stage=Stage.RUNNING, total=total, found_count=total, **columns)
    worker = make_worker()
    *first, last = [
        make_batch(session=session, photos_count=photos_count, worker=worker) for _ in range(done + 1)
    ]
    for batch in first:
        commit(batch, photos_count)
    if begun:
        commit(last, begun)
    session.refresh_from_db()
    return session


def completed_session(*, done: int = 2, photos_count: int = 4) -> ProcessingSession:
    """Make a completed session in which the first two approved photos are duplicates."""
    session = make_session(stage=Stage.RUNNING, total=done * photos_count, found_count=done * photos_count)
    worker = make_worker()
    for batch in [make_batch(session=session, photos_count=photos_count, worker=worker) for _ in range(done)]:
        commit(batch, photos_count, sha256={0: "f" * 64, 2: "f" * 64})
    compare = Batch.objects.get(session=session, kind=BatchKind.COMPARE)
    Batch.objects.filter(pk=compare.pk).update(status=BatchStatus.LEASED, worker=worker, lease=1)
    compare.refresh_from_db()
    run_compare(compare, seal=no_seal)
    session.refresh_from_db()
    return session


def commit(batch: Batch, photos_count: int, sha256: dict[int, str] | None = None) -> list[ImageResult]:
    """Commit the first photos of a batch that have none, with verdicts of all kinds."""
    rows = [_result(batch, photo.position, sha256 or {}) for photo in batch.missing()[:photos_count]]
    batch.commit(rows, no_seal)
    return rows


def _result(batch: Batch, position: int, sha256: dict[int, str]) -> ImageResult:
    verdict = VERDICTS[position % len(VERDICTS)]
    return make_result(
        batch=batch,
        position=position,
        verdict=verdict,
        reason="" if verdict == Verdict.APPROVED else "noise",
        sha256=sha256.get(position, f"{position:064x}"),
        measures={"focus": 0.5, "noise": 1},
        fingerprint=bytes(40),
        width_px=4000,
        height_px=3000,
    )


def batches_of(session: ProcessingSession) -> list[Batch]:
    """Give a session's batches of photos, in order."""
    return list(Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("number"))


def rows_of(batch: Batch) -> list[ImageResult]:
    """Give a batch's rows in the order of their keys."""
    return list(batch.results.order_by("pk"))


def ended_worker() -> Worker:
    """Make a worker that has ended."""
    worker = make_worker()
    worker.end()
    return worker
