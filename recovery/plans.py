"""The ways back: what each would keep, redo and leave to do, how sure we are of it, and what speaks against it.

The numbers come from the same selection of rows that `resume` puts aside (guarantee 6). All rows are not counted one
by one: they are what the counters say, which change with them in one transaction, and `resume` says so if not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Min, Q

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from processing.sources import SourceGone
from processing.states import BatchKind, Stage, Status
from recovery.changes import SourceLook, look_at_source
from recovery.confidence import Part, confidence_of, fresh_parts_of, stored_parts_of
from recovery.models import Checkpoint
from recovery.seal import problem_of

PAGE_ROWS = 500
# SQLite lets nobody else write while rows are moved: 11 us of computing for each that is put aside, 30 us for each
# that is taken back (bench.locks). So that what was put aside can be taken back, one limit holds for both: 12 s, when a
# writer gives up after 30 s. test: test_*_is_refused_on_sqlite_when_it_moves_too_many_rows.
SQLITE_MOVED_MAX = 400_000
EVERY_ROW = Q(pk__gt=0)


class RecoveryOption(StrEnum):
    """A way back."""

    CONTINUE = "continue"
    RESTART_BATCH = "restart_batch"
    FRESH_START = "fresh_start"


@dataclass(frozen=True, slots=True)
class Selection:
    """The live rows that a way back puts aside: those of a condition, and those whose files are not the same."""

    session: ProcessingSession
    option: RecoveryOption
    condition: Q
    stale: Sequence[int]

    def parts(self) -> Iterator[ResultQuerySet]:
        """Give the rows in disjoint parts, when each is put aside before the next is asked for or none is."""
        live = ImageResult.objects.live().filter(session=self.session)
        yield live.filter(self.condition)
        for start in range(0, len(self.stale), PAGE_ROWS):
            yield live.filter(~self.condition, pk__in=self.stale[start : start + PAGE_ROWS])

    def measure(self) -> tuple[int, int | None]:
        """Count the rows and find the lowest position among them."""
        if self.condition == EVERY_ROW:
            live = ImageResult.objects.live().filter(session=self.session)
            return self.session.counts()["processed"], live.aggregate(low=Min("position"))["low"]
        count, lows = 0, []
        for part in self.parts():
            count += part.count()
            low = part.aggregate(low=Min("position"))["low"]
            lows += [] if low is None else [low]
        return count, min(lows, default=None)


@dataclass(frozen=True, slots=True)
class Option:
    """One way back as it is shown; `attempt` is the state shown."""

    session: str
    option: str
    checkpoint: str | None
    keep: int
    redo: int
    left: int
    start_index: int
    seconds: float | None
    confidence: float
    confidence_parts: tuple[Part, ...]
    risks: tuple[str, ...]
    needs_confirmation: bool
    available: bool
    attempt: int

    def published(self) -> dict[str, Any]:
        """Give the published option."""
        return asdict(self) | {
            "confidence_parts": [asdict(part) for part in self.confidence_parts],
            "risks": list(self.risks),
        }


def select(
    session: ProcessingSession, option: RecoveryOption, look: SourceLook, checkpoint: Checkpoint | None = None
) -> Selection:
    """Say which live rows a way back puts aside."""
    return Selection(session, option, _condition(session, option, checkpoint), look.stale)


def _condition(session: ProcessingSession, option: RecoveryOption, checkpoint: Checkpoint | None) -> Q:
    if checkpoint is not None:
        return Q(pk__gt=checkpoint.last_result or 0)
    if option == RecoveryOption.FRESH_START:
        return EVERY_ROW
    if option == RecoveryOption.RESTART_BATCH:
        unfinished = Batch.objects.unfinished().filter(session=session, kind=BatchKind.PHOTOS)
        return Q(batch__in=unfinished.order_by().values("pk"))
    return Q(pk__in=[])


def start_index(session: ProcessingSession) -> int:
    """Give the lowest position without a verdict; the number of photos when none is left.

    Batches are read one by one, mostly the first alone: after a fresh start all are unfinished, each with the names of
    its photos. test: test_first_photo_without_a_verdict_is_found_in_flat_memory.
    """
    unfinished = Batch.objects.unfinished().filter(session=session, kind=BatchKind.PHOTOS).order_by("number")
    batch = unfinished.first()
    while batch is not None:
        missing = batch.missing()
        if missing:
            return missing[0].position
        batch = unfinished.filter(number__gt=batch.number).first()
    return session.found_count


def state_of(session: ProcessingSession) -> str:
    """Name the state that is shown to who decides: attempt, status and number of verdicts."""
    return f"{session.attempt} {session.status.value} {session.counts()['processed']}"


def total_of(session: ProcessingSession) -> int:
    """Give the number of photos; while the scan is not over, of those listed so far."""
    return session.found_count if session.total is None else session.total


def prepare_recovery_options(
    session: ProcessingSession, checkpoint: Checkpoint | None = None
) -> list[Option]:
    """Build the three options; with a checkpoint, `continue` goes back to there."""
    try:
        look: SourceLook | None = look_at_source(session)
        gone = ""
    except SourceGone as error:
        look, gone = None, str(error)
    fresh_parts = fresh_parts_of(session)
    seen = Seen(
        session=session,
        look=look,
        gone=gone,
        checkpoint=Checkpoint.objects.latest_intact(session),
        parts=(*stored_parts_of(session, look), *fresh_parts),
        fresh_parts=fresh_parts,
        processed=session.counts()["processed"],
        start_index=start_index(session),
        newest_at=_newest_at(session),
    )
    return [
        _option(seen, option, checkpoint if option == RecoveryOption.CONTINUE else None)
        for option in RecoveryOption
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """What all options are made of: the source (or why it is gone), the newest checkpoint, the evidence, the counts."""

    session: ProcessingSession
    look: SourceLook | None
    gone: str
    checkpoint: Checkpoint | None
    parts: tuple[Part, ...]
    fresh_parts: tuple[Part, ...]
    processed: int
    start_index: int
    newest_at: datetime | None


def _option(seen: Seen, option: RecoveryOption, checkpoint: Checkpoint | None) -> Option:
    session, is_fresh = seen.session, option == RecoveryOption.FRESH_START
    redo, lowest = select(session, option, seen.look or SourceLook(), checkpoint).measure()
    keep = seen.processed - redo
    left = total_of(session) - keep
    obstacle = seen.gone or refusal(session, option, redo, checkpoint) or obstacle_at(session, checkpoint)
    parts = seen.fresh_parts if is_fresh else seen.parts
    used = checkpoint or (seen.checkpoint if option == RecoveryOption.CONTINUE else None)
    return Option(
        session=str(session.pk),
        option=option.value,
        checkpoint=None if used is None else str(used.pk),
        keep=keep,
        redo=redo,
        left=left,
        start_index=min(seen.start_index, total_of(session) if lowest is None else lowest),
        seconds=_seconds(seen, left),
        confidence=confidence_of(parts),
        confidence_parts=parts,
        risks=tuple(_risks(seen, option, redo, obstacle)),
        needs_confirmation=is_fresh,
        available=not obstacle,
        attempt=session.attempt,
    )


def refusal(
    session: ProcessingSession, option: RecoveryOption, redo: int, checkpoint: Checkpoint | None = None
) -> str:
    """Say why a way back is closed; empty when it is open. Going back to a checkpoint is no plain `continue`."""
    if session.status == Status.CANCELLED:
        return "The session is cancelled."
    if session.status == Status.COMPLETED and option == RecoveryOption.CONTINUE and checkpoint is None:
        return "The session is completed: there is nothing to continue."
    if session.status.value == session.stage and session.is_attended():
        return "Workers are at it; pause it first."
    if connection.vendor == "sqlite" and redo > SQLITE_MOVED_MAX:
        return f"Putting {redo} verdicts aside would block SQLite for too long; use PostgreSQL for such sessions."
    return ""


def obstacle_at(session: ProcessingSession, checkpoint: Checkpoint | None) -> str:
    """Say why a checkpoint cannot be gone back to; empty when it can, and without one."""
    if checkpoint is None:
        return ""
    if checkpoint.session_id != session.pk:
        return f"Checkpoint {checkpoint.pk} belongs to another session."
    if checkpoint.voided_by is not None:
        return (
            f"Checkpoint {checkpoint.pk} covers verdicts that recovery {checkpoint.voided_by} has put aside."
        )
    problem = problem_of(checkpoint)
    return f"Checkpoint {checkpoint.pk}: {problem}" if problem else ""


def _newest_at(session: ProcessingSession) -> datetime | None:
    _pk, created_at = ImageResult.objects.live().filter(session=session).find_newest() or (None, None)
    return created_at


def _seconds(seen: Seen, left: int) -> float | None:
    """Estimate the time from the pace so far: from the first claim to the newest commit."""
    if seen.newest_at is None or seen.session.started_at is None or not seen.processed:
        return None
    worked_s = (seen.newest_at - seen.session.started_at).total_seconds()
    return round(left * worked_s / seen.processed, 1) if worked_s > 0 else None


def _risks(seen: Seen, option: RecoveryOption, redo: int, obstacle: str) -> Iterator[str]:
    if obstacle:
        yield obstacle
    if option == RecoveryOption.FRESH_START:
        yield f"All {redo} verdicts are put aside; undoing the recovery brings them back."
    yield from _source_risks(seen.look or SourceLook())
    if seen.session.stage == Stage.SCANNING:
        yield "The scan is not over: the numbers count the photos listed so far."


def _source_risks(look: SourceLook) -> Iterator[str]:
    if look.changed_count:
        yield f"{look.changed_count} photos have changed since they were judged; they are analyzed again."
    if look.gone_count:
        yield f"{look.gone_count} photos are gone; they will be listed as unreadable."
    if look.new_count:
        yield f"{look.new_count} new photos are in the source; a new session takes them."
