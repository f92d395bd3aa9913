"""What recoveries and undos have put aside, added up again and compared with what each recovery has noted of it.

A recovery notes the verdicts of before it: before recovery N those rows were live that are older than it and that
neither an earlier one had put aside. Once it is undone, it notes instead what is aside under its number, for ever.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol
from uuid import UUID

from processing import digests, keys
from processing.models import ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from recovery.batch_checks import REPAIRED, as_bytes
from recovery.findings import Code, Finding, found
from recovery.ledger import Ledger
from recovery.models import RecoveryAttempt

# All that a sum reads of a row, after its batch.
READ = ("batch_id", "pk", "created_at", "mac", "attempt", "superseded_by")
ROWS_PER_READ = 2000


class Row(Protocol):
    """A result row, or what is read of it."""

    @property
    def pk(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def mac(self) -> "str | keys.Stored": ...
    @property
    def attempt(self) -> int: ...
    @property
    def superseded_by(self) -> int | None: ...


@dataclass(slots=True)
class Sum:
    """The sum of the rows that a recovery's note is of, as far as the batches have been added."""

    session_id: UUID
    number: int
    is_undone: bool
    noted: bytes
    secret: str | None
    total: bytes = digests.EMPTY

    @classmethod
    def of(cls, attempt: RecoveryAttempt) -> "Sum":
        """Begin the sum of a recovery's note, under the key of that note."""
        noted = bytes(attempt.aside_digest)
        is_undone = attempt.undone_at is not None
        return cls(attempt.session_id, attempt.number, is_undone, noted, keys.secret_of(noted))

    def add(self, batch_id: int, rows: Sequence[Row]) -> None:
        """Add a batch by all of its rows, in the order of keys."""
        links = [(row.pk, row.created_at, as_bytes(row.mac)) for row in rows if self._has(row)]
        if links:
            digest = digests.extend(digests.EMPTY, batch_id, links, secret=self.secret)
            self.total = digests.add_finished(self.total, batch_id, digest, secret=self.secret)

    def _has(self, row: Row) -> bool:
        if self.is_undone:
            return row.superseded_by == self.number
        was_put_aside = row.superseded_by is not None and row.superseded_by < self.number
        return row.attempt < self.number and not was_put_aside

    @property
    def note(self) -> bytes:
        """What a recovery with these rows notes."""
        return note_of(self.session_id, self.number, self.total, is_undone=self.is_undone, secret=self.secret)

    @property
    def holds(self) -> bool:
        """Whether it is what the recovery has noted."""
        return hmac.compare_digest(self.note, self.noted)


def note_of(
    session_id: UUID, number: int, total: bytes, *, is_undone: bool = False, secret: str | None = None
) -> bytes:
    """Bind a sum to the recovery that notes it. So no note is empty, and none stands for another.

    test: test_rows_put_aside_are_missed_when_all_are_removed_with_their_note.
    """
    kind = "undone recovery" if is_undone else "recovery"
    tag = keys.sign(kind, session_id.bytes, number.to_bytes(8, "big"), secret=secret)
    return digests.add(tag, total) if total else tag


def sums_of(session: ProcessingSession) -> list[Sum]:
    """Begin a sum for each recovery, those undone too."""
    attempts = RecoveryAttempt.objects.filter(session=session).order_by("number")
    return [Sum.of(attempt) for attempt in attempts]


def add_up(rows: ResultQuerySet, sums: Sequence[Sum]) -> None:
    """Add rows to sums, in flat memory; of a batch that any of them has a row of, all of its rows must be given."""
    light = rows.order_by("batch_id", "pk").values_list(*READ, named=True)
    for batch_id, group in groupby(light.iterator(ROWS_PER_READ), key=lambda row: row.batch_id):
        of_batch = list(group)
        for one in sums:
            one.add(batch_id, of_batch)


def check_aside(session: ProcessingSession) -> list[Finding]:
    """Compare every recovery's note with the rows; takes time by the number of rows."""
    sums = sums_of(session)
    if sums:
        add_up(ImageResult.objects.filter(batch__session=session), sums)
    return list(aside_problems(sums))


def aside_problems(sums: Iterable[Sum]) -> Iterator[Finding]:
    """Name the recoveries whose rows are not those that they noted."""
    for one in sums:
        if one.holds:
            continue
        text = f"The verdicts of before recovery {one.number} are not those that it has put aside or kept."
        if one.is_undone:
            text = f"What the undo of recovery {one.number} has discarded is not what was there then."
        yield found(Code.PUT_ASIDE, text)


def check_numbers(session: ProcessingSession) -> list[Finding]:
    """Name what was put aside under a number that cannot have done so: a recovery puts older rows aside.

    An undo puts those aside that were made since the undone recovery, and REPAIRED is the number of repairs. That a
    recovery is gone with all of its rows, only the count tells that the session bears.
    """
    attempts = list(RecoveryAttempt.objects.filter(session=session).values_list("number", "undone_at"))
    undone = {number for number, undone_at in attempts if undone_at is not None}
    in_force = {number for number, undone_at in attempts if undone_at is None}
    aside = ImageResult.objects.filter(session=session, superseded_by__gt=REPAIRED).order_by()
    pairs = aside.values_list("superseded_by", "attempt").distinct()
    noted = Ledger(session).recoveries_count
    gone = noted is not None and noted != len(attempts)
    text = f"The session notes {noted} recoveries, and {len(attempts)} are there."
    return [found(Code.PUT_ASIDE, text)] * gone + [
        found(
            Code.PUT_ASIDE, f"Results of attempt {attempt} cannot have been put aside by recovery {number}."
        )
        for number, attempt in sorted(pairs)
        if not (number in in_force and attempt < number) and not (number in undone and attempt >= min(undone))
    ]
