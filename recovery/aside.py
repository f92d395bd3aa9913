"""What recoveries have put aside: the verdicts of before each one, added up again and compared with what it noted.

Before recovery N those rows were live that are older than it and that neither an earlier one had put aside.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession
from recovery.batch_checks import REPAIRED, as_bytes
from recovery.findings import Code, Finding, found
from recovery.models import RecoveryAttempt


@dataclass(slots=True)
class Before:
    """The sum of what was live before a recovery, as far as the batches have been added."""

    number: int
    noted: bytes
    secret: str | None
    total: bytes = digests.EMPTY

    def add(self, batch: Batch, rows: Sequence[ImageResult]) -> None:
        """Add a batch by all of its rows, in the order of keys."""
        links = [(row.pk, row.created_at, as_bytes(row.mac)) for row in rows if self._had(row)]
        if links:
            digest = digests.extend(digests.EMPTY, batch.pk, links, secret=self.secret)
            self.total = digests.add_finished(self.total, batch.pk, digest, secret=self.secret)

    def _had(self, row: ImageResult) -> bool:
        was_put_aside = row.superseded_by is not None and row.superseded_by < self.number
        return row.attempt < self.number and not was_put_aside

    @property
    def holds(self) -> bool:
        """Whether it is what the recovery noted."""
        return hmac.compare_digest(self.total, self.noted)


def befores_of(session: ProcessingSession) -> list[Before]:
    """Begin a sum for each recovery that is in force. What an undo has put aside is held by the rows' macs alone."""
    attempts = RecoveryAttempt.objects.filter(session=session, undone_at=None).order_by("number")
    return [
        Before(number, bytes(noted), keys.secret_of(noted))
        for number, noted in attempts.values_list("number", "aside_digest")
    ]


def check_aside(
    session: ProcessingSession, batches: Iterable[tuple[Batch, Sequence[ImageResult]]]
) -> list[Finding]:
    """Compare every recovery's note with the rows; takes time by the number of rows."""
    befores = befores_of(session)
    for batch, rows in batches if befores else ():
        for before in befores:
            before.add(batch, rows)
    return list(aside_problems(befores))


def aside_problems(befores: Iterable[Before]) -> Iterator[Finding]:
    """Name the recoveries whose verdicts of before are not those that they noted."""
    for before in befores:
        if not before.holds:
            text = f"The verdicts of before recovery {before.number} are not those that it has put aside or kept."
            yield found(Code.PUT_ASIDE, text)


def check_numbers(session: ProcessingSession) -> list[Finding]:
    """Name what was put aside under a number that cannot have done so: a recovery puts older rows aside.

    An undo puts those aside that were made since the undone recovery, and REPAIRED is the number of repairs.
    """
    attempts = RecoveryAttempt.objects.filter(session=session).values_list("number", "undone_at")
    undone = {number for number, undone_at in attempts if undone_at is not None}
    in_force = {number for number, undone_at in attempts if undone_at is None}
    aside = ImageResult.objects.filter(session=session, superseded_by__gt=REPAIRED).order_by()
    pairs = aside.values_list("superseded_by", "attempt").distinct()
    return [
        found(
            Code.PUT_ASIDE, f"Results of attempt {attempt} cannot have been put aside by recovery {number}."
        )
        for number, attempt in sorted(pairs)
        if not (number in in_force and attempt < number) and not (number in undone and attempt >= min(undone))
    ]
