"""Databases with a large session in them, and the time that commits take there; needs Django set up."""

import time
from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.analysis.verdict import ADOBE_STOCK
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.models.commit import Seal
from processing.states import BatchKind, BatchStatus
from recovery import checkpoints
from tests.bulk import multiply
from tests.databases import point_django_at
from tests.factories import make_batch, make_manifest, make_result, make_session, make_worker, no_seal

BATCH_PHOTOS = 50
CHUNK_PHOTOS = 10
TOTAL = 100_000_000
MEASURE_NAMES = ("focus", "noise", "exposure", "contrast", "saturation", "blocks", "dark", "bright")
MEASURES = dict.fromkeys(MEASURE_NAMES, 0.123456)
FINGERPRINT = bytes(range(40))
FINISHED_FROM = 1
TIDY = {
    "sqlite": ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"),
    "postgresql": ("VACUUM ANALYZE", "CHECKPOINT"),
}


@dataclass(slots=True)
class Ledger:
    """One database: where it is, how many result rows it began with, and what each commit took."""

    url: str
    rows_count: int
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    bare_wall_ms: list[float] = field(default_factory=list)
    bare_cpu_ms: list[float] = field(default_factory=list)

    def fill(self) -> None:
        """Make all tables, and a running session whose finished batches hold the rows."""
        point_django_at(self.url)
        call_command("migrate", verbosity=0)
        session = make_session(
            total=TOTAL,
            batch_size=BATCH_PHOTOS,
            checkpoint_interval=CHUNK_PHOTOS,
            preset=ADOBE_STOCK,
            processed=self.rows_count,
            approved=self.rows_count,
        )
        make_batch(session=session, photos_count=BATCH_PHOTOS, worker=make_worker())
        if self.rows_count:
            _insert_finished(session, self.rows_count)
        with connection.cursor() as cursor:
            for statement in TIDY[connection.vendor]:
                cursor.execute(statement)

    def commit_batches(self, batches_count: int) -> None:
        """Commit whole batches, ten photos at a time, each second one without checkpoints; the first only warms up."""
        point_django_at(self.url)
        session, worker = ProcessingSession.objects.get(), Worker.objects.get()
        for position in range(2 * batches_count + 1):
            batch = _lease_batch(session, worker)
            is_bare = position % 2 == 1
            for _ in range(BATCH_PHOTOS // CHUNK_PHOTOS):
                wall_ms, cpu_ms = _time_commit(batch, no_seal if is_bare else checkpoints.take)
                if position:
                    (self.bare_wall_ms if is_bare else self.wall_ms).append(wall_ms)
                    (self.bare_cpu_ms if is_bare else self.cpu_ms).append(cpu_ms)

    def count_queries(self, seal: Seal = checkpoints.take) -> list[int]:
        """Count the statements of each commit of a batch, BEGIN and COMMIT left out; the last one ends it."""
        point_django_at(self.url)
        batch = _lease_batch(ProcessingSession.objects.get(), Worker.objects.get())
        counts = []
        for _ in range(BATCH_PHOTOS // CHUNK_PHOTOS):
            results = _next_results(batch)
            with CaptureQueriesContext(connection) as captured:
                batch.commit(results, seal)
            statements = [query["sql"] for query in captured.captured_queries]
            counts.append(sum(1 for sql in statements if not sql.startswith(("BEGIN", "COMMIT"))))
        return counts


def _lease_batch(session: ProcessingSession, worker: Worker) -> Batch:
    """Lease a batch behind the last one; a further batch stays open, so that the session never gets ripe."""
    last = Batch.objects.filter(session=session).order_by("-number")[0]
    return make_batch(
        session=session,
        photos_count=BATCH_PHOTOS,
        worker=worker,
        number=last.number + 1,
        first_position=last.first_position + last.photos_count,
    )


def _next_results(batch: Batch) -> list[ImageResult]:
    first = batch.first_position + batch.processed
    return [
        make_result(
            batch=batch, position=position, measures=MEASURES, fingerprint=FINGERPRINT, reason="noise"
        )
        for position in range(first, first + CHUNK_PHOTOS)
    ]


def _time_commit(batch: Batch, seal: Seal) -> tuple[float, float]:
    """Commit ten results, with their checkpoint or without; gives wall and client CPU milliseconds."""
    results = _next_results(batch)
    wall_s, cpu_s = time.monotonic(), time.thread_time()
    batch.commit(results, seal)
    return 1000 * (time.monotonic() - wall_s), 1000 * (time.thread_time() - cpu_s)


def _insert_finished(session: ProcessingSession, rows_count: int) -> None:
    """Insert finished batches and their rows, until there are enough; of their checkpoints none would be left."""
    batch = Batch(
        session=session,
        kind=BatchKind.PHOTOS,
        manifest=make_manifest(first=0, photos_count=BATCH_PHOTOS),
        photos_count=BATCH_PHOTOS,
        status=BatchStatus.DONE,
        processed=BATCH_PHOTOS,
        approved=BATCH_PHOTOS,
    )
    number, first = f"{FINISHED_FROM} + n", f"{FINISHED_FROM * BATCH_PHOTOS} + n"
    multiply(
        batch, count=rows_count // BATCH_PHOTOS, number=number, first_position=f"{first} * {BATCH_PHOTOS}"
    )
    stored = Batch.objects.get(session=session, number=FINISHED_FROM)
    result = make_result(batch=stored, position=0, measures=MEASURES, fingerprint=FINGERPRINT)
    multiply(result, count=rows_count, position=first, batch=f"{stored.pk} + n / {BATCH_PHOTOS}")
