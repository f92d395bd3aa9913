"""A session's checkpoints: seals, chain, and whether those are void that cover what was put aside. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Min

from processing.models import ImageResult, ProcessingSession
from recovery.chain import missing_checkpoints
from recovery.findings import Code, Finding, found
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.seal import problem_of

CHECKPOINTS_PER_READ = 200


@dataclass(frozen=True, slots=True)
class History:
    """Recoveries in force with the lowest row that each has put aside, and the numbers of those undone."""

    lowest: dict[int, int]
    undone: frozenset[int]

    def due_void(self, checkpoint: Checkpoint) -> set[int | None]:
        """Give what may stand in `voided_by`; None among it: the checkpoint may be gone back to.

        A recovery voids the checkpoints that cover a row that it puts aside; an undo all that were made since the
        undone one, and lifts the marks that this one made. Whether a checkpoint with the number of a later attempt
        was made before the undo or after it, only its mark knows.
        """
        covering: set[int | None] = {n for n, low in self.lowest.items() if self._covers(checkpoint, n, low)}
        undone: set[int | None] = set(self.undone)
        if checkpoint.attempt in undone:
            return covering | undone
        marks = covering or {None}
        return marks | undone if any(one < checkpoint.attempt for one in self.undone) else marks

    @staticmethod
    def _covers(checkpoint: Checkpoint, number: int, lowest: int) -> bool:
        return checkpoint.attempt < number and (checkpoint.last_result or 0) >= lowest


def history_of(session: ProcessingSession) -> History:
    """Read which recoveries are in force and which are undone."""
    attempts = list(RecoveryAttempt.objects.filter(session=session).values_list("number", "undone_at"))
    in_force = [number for number, undone_at in attempts if undone_at is None]
    aside = ImageResult.objects.filter(session=session, superseded_by__in=in_force).order_by()
    lows = aside.values_list("superseded_by").annotate(low=Min("pk"))
    undone = frozenset(number for number, undone_at in attempts if undone_at is not None)
    return History({number: low for number, low in lows if number is not None}, undone)


def check_seals(session: ProcessingSession) -> Iterator[Finding | None]:
    """Give for each checkpoint its problem, or None. Each is one row, so nobody can change it half way."""
    ids = list(
        Checkpoint.objects.filter(session=session).order_by("created_at", "pk").values_list("pk", flat=True)
    )
    for start in range(0, len(ids), CHECKPOINTS_PER_READ):
        page = Checkpoint.objects.in_bulk(ids[start : start + CHECKPOINTS_PER_READ])
        for checkpoint in page.values():
            problem = problem_of(checkpoint)
            text = f"The {checkpoint.checkpoint_type} checkpoint {checkpoint.pk}: {problem}"
            yield found(Code.CHECKPOINT, text) if problem else None


def check_chain(session: ProcessingSession) -> list[Finding]:
    """Name the checkpoints that must be there and are not."""
    return [found(Code.CHECKPOINT_MISSING, text) for text in missing_checkpoints(session)]


@dataclass(frozen=True, slots=True)
class WrongVoid:
    """A checkpoint that is marked as it must not be, and the mark that it should have."""

    checkpoint: UUID
    marked: int | None
    due: int | None


def wrong_voids(session: ProcessingSession) -> Iterator[WrongVoid]:
    """Give the checkpoints that are void and should not be, or the other way round."""
    history = history_of(session)
    light = Checkpoint.objects.filter(session=session).defer("session_state").order_by("created_at", "pk")
    for one in light:
        due = history.due_void(one)
        if one.voided_by not in due:
            yield WrongVoid(one.pk, one.voided_by, None if None in due else min(filter(None, due)))


def check_voids(session: ProcessingSession) -> list[Finding]:
    """Name the checkpoints that are void and should not be, or the other way round."""
    return [
        found(
            Code.VOID,
            f"Checkpoint {wrong.checkpoint} is {_void_text(wrong.marked)}; it should be {_void_text(wrong.due)}.",
        )
        for wrong in wrong_voids(session)
    ]


def _void_text(number: int | None) -> str:
    return "offered" if number is None else f"void by recovery {number}"
