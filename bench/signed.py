"""A database with a session whose finished batches hold many signed results; needs Django set up."""

from django.core.management import call_command
from django.db import connection, transaction

from bench.ledger import BATCH_PHOTOS, CHUNK_PHOTOS, FINGERPRINT, MEASURES, TIDY
from processing import digests
from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import BatchKind, BatchStatus
from tests.databases import point_django_at
from tests.factories import make_manifest, make_result, make_session

BATCHES_PER_PAGE = 40


def fill_signed(url: str, rows_count: int) -> None:
    """Make all tables, and a running session with so many results in finished batches and one photo left to do."""
    point_django_at(url)
    call_command("migrate", verbosity=0)
    total = rows_count + 1
    session = make_session(
        total=total, found_count=total, batch_size=BATCH_PHOTOS, checkpoint_interval=CHUNK_PHOTOS
    )
    batches_count = rows_count // BATCH_PHOTOS
    for first in range(0, batches_count, BATCHES_PER_PAGE):
        _insert_page(session, range(first, min(first + BATCHES_PER_PAGE, batches_count)))
    _batch(session, batches_count, photos_count=1, done=False).save()
    _add_up(session, rows_count)
    with connection.cursor() as cursor:
        for statement in TIDY[connection.vendor]:
            cursor.execute(statement)


@transaction.atomic
def _insert_page(session: ProcessingSession, numbers: range) -> None:
    batches = Batch.objects.bulk_create([_batch(session, number) for number in numbers])
    rows = [row for batch in batches for row in _rows(batch)]
    ImageResult.objects.bulk_create(rows)
    for index, batch in enumerate(batches):
        own = rows[index * BATCH_PHOTOS : (index + 1) * BATCH_PHOTOS]
        batch.digest = digests.after_commit(batch.pk, digests.EMPTY, own)
    Batch.objects.bulk_update(batches, ["digest"])


def _batch(
    session: ProcessingSession, number: int, *, photos_count: int = BATCH_PHOTOS, done: bool = True
) -> Batch:
    first, processed = number * BATCH_PHOTOS, photos_count if done else 0
    return Batch(
        session=session,
        number=number,
        kind=BatchKind.PHOTOS,
        first_position=first,
        photos_count=photos_count,
        manifest=make_manifest(first=first, photos_count=photos_count),
        status=BatchStatus.DONE if done else BatchStatus.QUEUED,
        processed=processed,
        approved=processed,
        reason_counts={"noise": processed} if done else {},
    )


def _rows(batch: Batch) -> list[ImageResult]:
    span = range(batch.first_position, batch.first_position + batch.photos_count)
    rows = [
        make_result(
            batch=batch, position=position, reason="noise", measures=MEASURES, fingerprint=FINGERPRINT
        )
        for position in span
    ]
    for row in rows:
        row.sign()
    return rows


def _add_up(session: ProcessingSession, rows_count: int) -> None:
    total = digests.finished_sum(Batch.objects.finished_digests(session.pk).iterator())
    session.keep_ledger({"newest": {}})
    ProcessingSession.objects.filter(pk=session.pk).update(
        processed=rows_count,
        approved=rows_count,
        reason_counts={"noise": rows_count} if rows_count else {},
        finished_sum=total,
    )
