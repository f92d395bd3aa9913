"""Carrying a recovery out: here only `continue`, which analyzes every photo without a live row."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from processing.models import Batch, ProcessingSession
from processing.models.session import Register, StepRefused
from processing.states import BatchKind
from recovery.models import Crash, RecoveryAttempt

CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery did."""

    attempt: int
    option: str
    message: str
    start_index: int
    keep: int
    redo: int
    left: int


def execute_continue(
    session: ProcessingSession, *, by: str = "", register: Register | None = None
) -> Recovered:
    """Set an interrupted, failed, paused or waiting session going; keeps every verdict.

    `register` adds the row of a parent that will serve it, in the same transaction. Raises StepRefused when it is
    finished, or when someone is working on it.
    """
    with transaction.atomic():
        locked = ProcessingSession.objects.lock(session.pk)
        _refuse_when_served(locked)
        locked.recover()
        attempt = RecoveryAttempt.objects.create(
            session=locked, number=locked.attempt, option=CONTINUE, by=by
        )
        if register is not None:
            register(locked)
        Crash.objects.filter(session=locked, closed_at=None).update(closed_at=Now(), closed_by=attempt)
    session.refresh_from_db()
    return _recovered(session)


def _refuse_when_served(session: ProcessingSession) -> None:
    """A session that goes on by itself needs no recovery; its own parent or a worker in a lane says so."""
    if session.status.value == session.stage and session.is_attended():
        raise StepRefused(session, "recover", "Workers are at it; pause it first.")


def _recovered(session: ProcessingSession) -> Recovered:
    keep = session.counts()["processed"]
    total = session.total if session.total is not None else session.found_count
    start = start_index(session)
    message = f"The session goes on from photo {start}: {keep} verdicts kept, {total - keep} photos left."
    return Recovered(session.attempt, CONTINUE, message, start, keep, 0, total - keep)


def start_index(session: ProcessingSession) -> int:
    """Give the lowest position without a verdict; the number of photos when none is left."""
    unfinished = Batch.objects.unfinished().filter(session=session, kind=BatchKind.PHOTOS)
    for batch in unfinished.order_by("number"):
        missing = batch.missing()
        if missing:
            return missing[0].position
    return session.found_count
