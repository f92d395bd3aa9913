"""A database with a session whose finished batches hold many signed results; needs Django set up.

The rows go past Django's models, whose own way takes ten times as long; what they hold is what a worker would write,
and the checks of `verify` say so of the first and of the last batch.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction

from bench.ledger import BATCH_PHOTOS, CHUNK_PHOTOS, FINGERPRINT, MEASURES, TIDY
from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.result import SIGNED
from processing.states import BatchKind, BatchStatus
from recovery import integrity
from tests.databases import point_django_at
from tests.factories import make_manifest, make_result, make_session

BATCHES_PER_PAGE = 200
WRITTEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
# In the order of the mac, these come first, and they alone differ from row to row.
VARIED = ("batch_id", "position", "path", "path_text", "size_bytes", "mtime_ns", "sha256")


def fill_signed(url: str, rows_count: int, *, left_count: int = 1, **columns: Any) -> ProcessingSession:
    """Make all tables, and a running session with so many results in finished batches and some photos left to do.

    Raises RuntimeError when what was written is not sound.
    """
    point_django_at(url)
    call_command("migrate", verbosity=0)
    total = rows_count + left_count
    sizes = {"batch_size": BATCH_PHOTOS, "checkpoint_interval": CHUNK_PHOTOS}
    session = make_session(total=total, found_count=total, **sizes | columns)
    batches_count = rows_count // BATCH_PHOTOS
    for first in range(0, batches_count, BATCHES_PER_PAGE):
        _insert_page(session, range(first, min(first + BATCHES_PER_PAGE, batches_count)))
    _reset_keys()
    for number, first in enumerate(range(0, left_count, BATCH_PHOTOS), batches_count):
        _batch(session, number, photos_count=min(BATCH_PHOTOS, left_count - first), done=False).save()
    _add_up(session, rows_count)
    _tidy()
    _require_sound(session)
    return session


@transaction.atomic
def _insert_page(session: ProcessingSession, numbers: range) -> None:
    batches = [_batch(session, number) for number in numbers]
    for batch in batches:
        batch.pk = batch.number + 1
    writer = RowWriter(batches[0])
    rows = []
    for batch in batches:
        own = list(writer.rows_of(batch))
        batch.digest = digests.extend(digests.EMPTY, batch.pk, map(writer.link_of, own))
        rows += own
    Batch.objects.bulk_create(batches)
    writer.write(rows)


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


class RowWriter:
    """Writes result rows as tuples of what the database stores; only the columns of VARIED, key and mac vary."""

    def __init__(self, batch: Batch) -> None:
        """Take all other columns from one row that is made as the tests make theirs."""
        pattern = make_result(
            batch=batch, position=0, reason="noise", measures=MEASURES, fingerprint=FINGERPRINT
        )
        pattern.created_at = WRITTEN_AT
        fields = ImageResult._meta.local_concrete_fields
        self.columns = [field.column for field in fields]
        self._values = [
            field.get_db_prep_save(getattr(pattern, field.attname), connection) for field in fields
        ]
        self._places = [self.columns.index(name) for name in ("id", "mac", *VARIED)]
        same = [getattr(pattern, name) for name in SIGNED[len(VARIED) :]]
        self._head, self._tail = [str(batch.session_id)], keys.canonical(same)[1:]

    def rows_of(self, batch: Batch) -> Iterator[tuple[Any, ...]]:
        """Make the signed rows of a batch; a row's key is its position, counted from 1."""
        for position in range(batch.first_position, batch.first_position + batch.photos_count):
            varied = (
                batch.pk,
                position,
                b"%06d.jpg" % position,
                f"{position:06d}.jpg",
                1000 + position,
                10**18 + position,
                f"{position:064x}",
            )
            text = keys.canonical([*self._head, *varied])[:-1] + b"," + self._tail
            row = list(self._values)
            for place, value in zip(
                self._places, (position + 1, keys.sign("result", text), *varied), strict=True
            ):
                row[place] = value
            yield tuple(row)

    def link_of(self, row: tuple[Any, ...]) -> digests.Link:
        """Give what a batch's digest holds of a row."""
        return row[self._places[0]], WRITTEN_AT, row[self._places[1]]

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows in the quickest way that the database has."""
        names = ", ".join(f'"{name}"' for name in self.columns)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {ImageResult._meta.db_table} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                places = ", ".join(["%s"] * len(self.columns))
                insert = f"INSERT INTO {ImageResult._meta.db_table} ({names}) VALUES ({places})"  # noqa: S608 -- our own names
                stream: Any = rows  # sqlite3 takes any iterable, whatever its stubs say.
                cursor.executemany(insert, stream)


def _reset_keys() -> None:
    """Let PostgreSQL go on counting keys behind those that were given."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Batch, ImageResult]):
            cursor.execute(statement)


def _add_up(session: ProcessingSession, rows_count: int) -> None:
    total = digests.finished_sum(Batch.objects.finished_digests(session.pk).iterator())
    session.keep_ledger({"newest": {}})
    ProcessingSession.objects.filter(pk=session.pk).update(
        processed=rows_count,
        approved=rows_count,
        reason_counts={"noise": rows_count} if rows_count else {},
        finished_sum=total,
    )
    session.refresh_from_db()


def _tidy() -> None:
    with connection.cursor() as cursor:
        for statement in TIDY[connection.vendor]:
            cursor.execute(statement)


def _require_sound(session: ProcessingSession) -> None:
    batches = Batch.objects.filter(session=session, status=BatchStatus.DONE).order_by("number", "pk")
    findings = integrity.check_sums(session)
    for batch in (batches.first(), batches.last()):
        findings += [] if batch is None else integrity.check_batch(batch)
    if findings:
        raise RuntimeError(f"What was written is not sound: {findings[0].text}")
