"""Sessions in which everything holds, made by the product's own commits, for tests that then spoil one thing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from processing import pictures
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.similarity import run_compare
from processing.states import BatchKind, BatchStatus, Stage, Verdict
from recovery import checkpoints
from tests.factories import make_batch, make_result, make_session, make_worker

VERDICTS = (Verdict.APPROVED, Verdict.REJECTED, Verdict.APPROVED, Verdict.UNREADABLE)


def sound_session(
    *, done: int = 2, photos_count: int = 4, begun: int = 2, **columns: Any
) -> ProcessingSession:
    """Make a running session: `done` finished batches, and one that a worker holds with `begun` results."""
    total = (done + 1) * photos_count
    session = make_session(stage=Stage.RUNNING, total=total, found_count=total, **columns)
    *finished, last = _leased_batches(session, done + 1, photos_count)
    for batch in finished:
        commit(batch, photos_count)
    if begun:
        commit(last, begun)
    session.refresh_from_db()
    return session


def completed_session(*, done: int = 2, photos_count: int = 4, **columns: Any) -> ProcessingSession:
    """Make a completed session in which the first two approved photos are duplicates."""
    total = done * photos_count
    session = make_session(stage=Stage.RUNNING, total=total, found_count=total, **columns)
    for batch in _leased_batches(session, done, photos_count):
        commit(batch, photos_count, sha256={0: "f" * 64, 2: "f" * 64})
    compare = Batch.objects.get(session=session, kind=BatchKind.COMPARE)
    Batch.objects.filter(pk=compare.pk).update(status=BatchStatus.LEASED, worker=make_worker(), lease=1)
    compare.refresh_from_db()
    run_compare(compare, seal=checkpoints.take)
    session.refresh_from_db()
    return session


def _leased_batches(session: ProcessingSession, count: int, photos_count: int) -> list[Batch]:
    """List all batches before the first one is done, as a scan does."""
    worker = make_worker()
    return [make_batch(session=session, photos_count=photos_count, worker=worker) for _ in range(count)]


def commit(batch: Batch, photos_count: int, sha256: dict[int, str] | None = None) -> list[ImageResult]:
    """Commit the first photos of a batch that have none, with verdicts of all kinds."""
    rows = [_result(batch, photo.position, sha256 or {}) for photo in batch.missing()[:photos_count]]
    keep_thumbnails(rows)
    batch.commit(rows, checkpoints.take)
    return rows


def keep_thumbnails(rows: list[ImageResult]) -> None:
    """Put something in the place of each photo's thumbnail."""
    for row in rows:
        path = pictures._path(row, pictures.THUMBNAIL)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")


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


def write_files(folder: Path, photos_count: int) -> bytes:
    """Write the files that the manifests of `factories` list, with their sizes and instants; give the folder."""
    folder.mkdir()
    for position in range(photos_count):
        path = folder / f"{position:06d}.jpg"
        path.write_bytes(bytes(1000 + position))
        os.utime(path, ns=(0, 10**18 + position))
    return os.fsencode(folder)


@contextmanager
def second_results_allowed() -> Iterator[None]:
    """Take the unique index of live results away; at the end all results go, so that it can come back."""
    constraint = next(c for c in ImageResult._meta.constraints if c.name == "one_live_result_per_photo")
    with connection.schema_editor() as editor:
        editor.remove_constraint(ImageResult, constraint)
    try:
        yield
    finally:
        ImageResult.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(ImageResult, constraint)


def copy_of(row: ImageResult, **columns: Any) -> ImageResult:
    """Store a row once more, mac and all."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return ImageResult.objects.create(**(values | {"id": None} | columns))


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
