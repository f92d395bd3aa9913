"""Undoing recoveries: attempts form a stack, and an undo takes away the one named and all that stand on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from processing import keys
from processing.models import ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from processing.models.session import StepRefused
from processing.states import Hold
from processing.superseding import fence, revive, supersede
from recovery import audit
from recovery.aside import note_of
from recovery.discarding import notes_of_discarded
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.plans import SQLITE_MOVED_MAX, start_index, total_of
from recovery.resume import (
    NotSafe,
    Recovered,
    recompute,
    require_safe,
    seal_after,
    state_sum,
    with_rows_that_stay,
)

ROWS_PER_READ = 2000
UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Undo:
    """What an undo moves: rows made since the recovery go aside, rows put aside by it come back.

    `newest` is the key of the newest live row before the recovery, 0 when there was none.
    """

    session: ProcessingSession
    number: int
    newest: int

    @classmethod
    def of(cls, session: ProcessingSession, attempt: RecoveryAttempt) -> "Undo":
        """Say what an undo of a recovery moves."""
        return cls(session, attempt.number, attempt.last_result or 0)

    def made_since(self) -> ResultQuerySet:
        """Give the live rows that the undone attempts have made.

        Keys only grow, so they lie behind those of before it; attempts have no index. An undo that this made miss a
        row would find other verdicts than were noted, and be refused. test: test_verdicts_since_a_recovery_are_found_*.
        """
        rows = ImageResult.objects.live().filter(session=self.session, attempt__gte=self.number)
        return rows.filter(pk__gt=self.newest)

    def put_aside(self) -> ResultQuerySet:
        """Give the rows that the undone attempts have put aside."""
        return ImageResult.objects.filter(
            session=self.session, attempt__lt=self.number, superseded_by__gte=self.number
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """What is wrong with the rows that the undo of a recovery brings back, as the session was at an attempt."""

    attempt: int
    number: int
    problem: str


def newest_attempt(session: ProcessingSession) -> RecoveryAttempt | None:
    """Give the recovery that stands on top of the stack."""
    return RecoveryAttempt.objects.filter(session=session, undone_at=None).order_by("-number").first()


def preview_undo(session: ProcessingSession, number: int) -> dict[str, int]:
    """Say what an undo would take back and put aside."""
    named = RecoveryAttempt.objects.filter(session=session, number=number).order_by("pk")
    undo = Undo(session, number, named.values_list("last_result", flat=True).first() or 0)
    back, aside = undo.put_aside().count(), undo.made_since().count()
    keep = session.counts()["processed"] - aside + back
    return {"back": back, "aside": aside, "keep": keep, "left": total_of(session) - keep}


def rollback_recovery(
    session: ProcessingSession,
    number: int | None = None,
    *,
    by: str = "",
    attempt: int | None = None,
    address: str | None = None,
) -> Recovered:
    """Undo a recovery, by default the newest, and all that stand on it: the session is as before it, paused.

    Workers may be at it: they are fenced. `attempt` is the session's, as it was shown to a person, `address` from
    where that person asks. Raises StepRefused when cancelled, moved on or when there is nothing to undo, and NotSafe when a row that would come back is not what was written; then nothing has changed.
    """
    verified = _verify_unlocked(session, number)
    details = {"attempt": number}
    with audit.audited("rollback", actor=by, session=session.pk, address=address, details=details):
        recovered = _carry_out(session, number, by, verified, attempt)
    session.refresh_from_db()
    return recovered


def _verify_unlocked(session: ProcessingSession, number: int | None) -> Verified | None:
    """Verify what would come back before anything is locked; None where the undo will be refused anyway."""
    seen = ProcessingSession.objects.get(pk=session.pk)
    try:
        undo = Undo.of(seen, _named(seen, number))
        _refuse_too_many(seen, undo)
    except StepRefused:
        return None
    return _verify(undo)


def _carry_out(
    session: ProcessingSession, number: int | None, by: str, verified: Verified | None, shown: int | None
) -> Recovered:
    locked = ProcessingSession.objects.lock(session.pk)
    if shown not in (None, locked.attempt):
        hint = f"It has moved on since: attempt {shown} was shown, it is at {locked.attempt}."
        raise StepRefused(locked, "undo a recovery", hint)
    attempt = _named(locked, number)
    undo = Undo.of(locked, attempt)
    _refuse_too_many(locked, undo)
    fence(locked)
    kept = _kept_in_part(undo)
    require_safe(locked, kept)
    _require_authentic(undo, verified)
    notes = notes_of_discarded(undo.made_since(), attempt, kept)
    aside = supersede(undo.made_since(), attempt.number)
    back = revive(undo.put_aside())
    recompute(locked, aside.batch_ids | back.batch_ids)
    _require_same(locked, attempt)
    _mark_undone(locked, attempt.number, by, notes)
    locked.roll_back(by, f"Recovery {attempt.number} was undone.")
    seal_after(locked, f"After undoing recovery {attempt.number}.")
    return _undone(locked, attempt.number, aside.count)


def _named(session: ProcessingSession, number: int | None) -> RecoveryAttempt:
    if session.hold == Hold.CANCELLED:
        raise StepRefused(session, "undo a recovery")
    open_attempts = RecoveryAttempt.objects.filter(session=session, undone_at=None).order_by("-number")
    attempt = (open_attempts if number is None else open_attempts.filter(number=number)).first()
    if attempt is None:
        what = "No recovery" if number is None else f"No recovery {number}"
        raise StepRefused(session, "undo a recovery", f"{what} of it is in force.")
    return attempt


def _refuse_too_many(session: ProcessingSession, undo: Undo) -> None:
    why = refusal(session, undo.put_aside().count())
    if why:
        raise StepRefused(session, "undo a recovery", why)


def refusal(session: ProcessingSession, count: int) -> str:
    """Say why an undo cannot take so many verdicts back; empty when it can."""
    if session.hold == Hold.CANCELLED:
        return "The session is cancelled."
    if connection.vendor == "sqlite" and count > SQLITE_MOVED_MAX:
        return (
            f"Taking {count} verdicts back would block SQLite for too long; undo recoveries one by one from the "
            "newest on, and use PostgreSQL for such sessions."
        )
    return ""


def _kept_in_part(undo: Undo) -> set[int]:
    """Give the batches that gain or lose rows and keep some."""
    ids: set[int] = set()
    for rows in (undo.made_since(), undo.put_aside()):
        ids.update(rows.order_by().values_list("batch_id", flat=True).distinct())
    return with_rows_that_stay(ids, Q(attempt__lt=undo.number))


def _verify(undo: Undo) -> Verified:
    """Verify the rows that come back, one by one: half of the time that an undo takes."""
    rows = undo.put_aside().order_by("pk").iterator(ROWS_PER_READ)
    changed = next((row for row in rows if not row.is_authentic()), None)
    problem = f"The verdict on {changed.path_text} that would come back was changed." if changed else ""
    return Verified(undo.session.attempt, undo.number, problem)


def _require_authentic(undo: Undo, verified: Verified | None) -> None:
    """Refuse to make a digest of changed rows. Which rows come back changes with the attempt's number only.

    So what was verified before the lock holds if that number is the same; else it is done again, and others wait.
    test: test_undo_verifies_again_when_the_session_has_moved_on_since.
    """
    if verified is None or (verified.attempt, verified.number) != (undo.session.attempt, undo.number):
        verified = _verify(undo)
    if verified.problem:
        raise NotSafe(undo.session, [verified.problem])


def _require_same(session: ProcessingSession, attempt: RecoveryAttempt) -> None:
    """Prove that the verdicts are those of before the recovery; not possible once their key is unknown."""
    before = bytes(attempt.aside_digest)
    secret = keys.secret_of(before)
    if secret is None:
        return
    if note_of(session.pk, attempt.number, state_sum(session, secret), secret=secret) != before:
        raise NotSafe(
            session, [f"The verdicts of before recovery {attempt.number} are not complete any more."]
        )


def _mark_undone(session: ProcessingSession, number: int, by: str, notes: Mapping[int, bytes]) -> None:
    undone = RecoveryAttempt.objects.filter(session=session, number__gte=number, undone_at=None)
    for one, noted in notes.items():
        undone.filter(number=one).update(aside_digest=noted)
    undone.update(undone_at=Now(), undone_by=by)
    checkpoints = Checkpoint.objects.filter(session=session)
    checkpoints.filter(attempt__lt=number, voided_by__gte=number).update(voided_by=None)
    checkpoints.filter(attempt__gte=number, voided_by=None).update(voided_by=number)


def _undone(session: ProcessingSession, number: int, aside: int) -> Recovered:
    keep = session.counts()["processed"]
    left = total_of(session) - keep
    message = f"Recovery {number} is undone: {keep} verdicts as before it, {left} photos left; the session is paused."
    return Recovered(session.attempt, UNDO, message, start_index(session), keep, aside, left)
