"""Carrying a recovery out: the files are looked at first, the rest is one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.session import Register, StepRefused
from processing.sources import SourceGone
from processing.states import BatchKind, Stage
from processing.superseding import Change, clear_comparison, fence, recount, redecide_if_overruled, supersede
from recovery import audit, integrity
from recovery.aside import note_of
from recovery.changes import SourceLook, look_at_source
from recovery.ledger import Ledger
from recovery.models import Checkpoint, CheckpointType, Crash, RecoveryAttempt
from recovery.plans import (
    EVERY_ROW,
    RecoveryOption,
    Selection,
    obstacle_at,
    refusal,
    select,
    start_index,
    state_of,
    total_of,
)
from recovery.seal import problem_of

BATCHES_PER_READ = 500
RESUME = "resume"


class ConfirmationRequired(audit.ActRefused):
    """A person has to say yes first."""


class NotSafe(audit.ActRefused):
    """What the recovery would build on is not what was written; nothing was changed."""

    def __init__(self, session: ProcessingSession, findings: Sequence[str]) -> None:
        self.session, self.findings = session, list(findings)
        super().__init__(
            f"Session {session.pk} is not safe to go on with: {self.findings[0]} Nothing was changed. "
            f"`verify {session.pk}` lists everything; a fresh start does not build on it."
        )


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
    success: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, by whom, and the state that was shown when it was asked."""

    option: RecoveryOption
    by: str
    attempt: int
    checkpoint: Checkpoint | None
    register: Register | None
    state: str | None
    # Why it was closed before the files were looked at: they were not, so it stays closed.
    closed: str


def execute_recovery(  # noqa: PLR0913 -- what was shown, to whom, and who will serve it
    session: ProcessingSession,
    recovery_option: str,
    user_confirmed: bool = False,  # noqa: FBT001, FBT002 -- the mission's name and order
    *,
    by: str = "",
    attempt: int | None = None,
    state: str | None = None,
    address: str | None = None,
    checkpoint: Checkpoint | None = None,
    register: Register | None = None,
) -> Recovered:
    """Carry a way back out; `attempt` is the state that was shown, else the one that `session` was read in.

    `state` is what `state_of` gave when the numbers were shown to a person, `address` from where that person asks.
    `register` adds the row of a parent that will serve it, in the same transaction. Raises ConfirmationRequired,
    StepRefused (the state does not allow it or has moved since, or the source is gone), NotSafe; then nothing has
    changed but the audit log, which keeps the refusal.
    """
    option = RecoveryOption(recovery_option)
    look, closed = _look(session, option, checkpoint)
    shown = session.attempt if attempt is None else attempt
    request = Request(option, by, shown, checkpoint, register, state, closed)
    details = {"option": option.value, "checkpoint": None if checkpoint is None else str(checkpoint.pk)}
    selection = select(session, option, look, checkpoint)
    with audit.audited("recover", actor=by, session=session.pk, address=address, details=details):
        if option == RecoveryOption.FRESH_START and not user_confirmed:
            raise ConfirmationRequired("A fresh start puts every verdict aside. Confirm it explicitly.")
        recovered = _carry_out(request, selection)
    session.refresh_from_db()
    return recovered


def _look(
    session: ProcessingSession, option: RecoveryOption, checkpoint: Checkpoint | None
) -> tuple[SourceLook, str]:
    """Look at the files, unless the way is closed anyway; give what was seen, or why it is closed."""
    closed = refusal(session, option, 0, checkpoint)
    if closed:
        return SourceLook(), closed
    try:
        return look_at_source(session), ""
    except SourceGone as error:
        return SourceLook(), str(error)


def _carry_out(request: Request, selection: Selection) -> Recovered:
    session = ProcessingSession.objects.lock(selection.session.pk)
    _refuse(session, request, selection)
    before = _state_before(session)
    _count(session)
    fence(session)
    counted = session.counts()["processed"]
    require_safe(session, _kept_in_part(session, selection))
    change = put_aside(session, selection, session.attempt + 1)
    session.recover()
    attempt = RecoveryAttempt.objects.create(
        session=session,
        number=session.attempt,
        option=request.option.value,
        by=request.by,
        checkpoint=None if request.checkpoint is None else request.checkpoint.pk,
        **before,
    )
    if request.register is not None:
        request.register(session)
    Crash.objects.filter(session=session, closed_at=None).update(closed_at=Now(), closed_by=attempt)
    recovered = _recovered(session, request, change.count, counted)
    RecoveryAttempt.objects.filter(pk=attempt.pk).update(preview=_numbers(recovered))
    seal_after(session, f"After recovery {session.attempt}: {request.option.value}.")
    return recovered


def _count(session: ProcessingSession) -> None:
    """Let the session itself bear how many recoveries it had, so that none is removed with all that tells of it.

    test: test_recovery_is_missed_when_it_is_removed_with_all_of_its_rows.
    """
    ledger = Ledger(session)
    ledger.note_recovery(RecoveryAttempt.objects.filter(session=session).count())
    ledger.keep()


def _refuse(session: ProcessingSession, request: Request, selection: Selection) -> None:
    """Refuse a stale request and a closed way. test: test_second_of_two_recoveries_is_refused_*."""
    if session.attempt != request.attempt:
        hint = f"It has moved on since: attempt {request.attempt} was shown, it is at {session.attempt}."
        raise StepRefused(session, "recover", hint)
    if request.state not in (None, state_of(session)):
        hint = "It has moved on since it was shown: look at the new numbers and decide again."
        raise StepRefused(session, "recover", hint)
    # The number of rows only matters for SQLite's limit, so it is not counted where it cannot.
    redo = (
        0
        if request.option == RecoveryOption.CONTINUE and request.checkpoint is None
        else selection.measure()[0]
    )
    why = request.closed or refusal(session, request.option, redo, request.checkpoint)
    if why:
        raise StepRefused(session, "recover", why)
    if request.checkpoint is not None:
        _refuse_checkpoint(session, request.checkpoint)


def _refuse_checkpoint(session: ProcessingSession, asked: Checkpoint) -> None:
    """Refuse a checkpoint that may not be gone back to, as it stands under the lock."""
    checkpoint = Checkpoint.objects.filter(pk=asked.pk).first()
    if checkpoint is None:
        raise StepRefused(session, "recover", f"Checkpoint {asked.pk} was pruned or removed meanwhile.")
    problem = problem_of(checkpoint)
    if problem and checkpoint.session_id == session.pk and checkpoint.voided_by is None:
        raise NotSafe(session, [f"Checkpoint {checkpoint.pk}: {problem}"])
    why = obstacle_at(session, checkpoint)
    if why:
        raise StepRefused(session, "recover", why)


def _state_before(session: ProcessingSession) -> dict[str, Any]:
    pk, created_at = ImageResult.objects.live().filter(session=session).find_newest() or (None, None)
    return {
        "last_result": pk,
        "last_commit_at": created_at,
        "aside_digest": note_of(session.pk, session.attempt + 1, state_sum(session)),
    }


def state_sum(session: ProcessingSession, secret: str | None = None) -> bytes:
    """Sum the digests of all batches, all under one key, the first unless given: what an undo must bring back.

    While keys are changed, some digests stand under another one: those are made anew from the rows, else nobody could
    compare. test: test_recovery_is_undone_and_its_note_holds_when_*.
    """
    secret = secret or keys.current_secret()
    total = digests.EMPTY
    if len(settings.STOCKPROOF_CHECKPOINT_KEYS) == 1:
        total = bytes(session.finished_sum)
        batches = Batch.objects.with_open_results(session.pk).filter(kind=BatchKind.PHOTOS)
    else:
        batches = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).exclude(digest=digests.EMPTY)
    for batch in batches.only("pk", "digest").order_by("pk").iterator(BATCHES_PER_READ):
        is_other = keys.secret_of(batch.digest) != secret
        digest = digests.digest_of(batch, secret=secret) if is_other else batch.digest
        total = digests.add_finished(total, batch.pk, digest, secret=secret)
    return total


def _kept_in_part(session: ProcessingSession, selection: Selection) -> set[int]:
    """Give the batches whose digest goes on after this: open ones, and those that lose only some of their rows."""
    if selection.option == RecoveryOption.FRESH_START:
        return set()
    open_ids = Batch.objects.with_open_results(session.pk).filter(kind=BatchKind.PHOTOS)
    touched = set(open_ids.order_by().values_list("pk", flat=True))
    for part in selection.parts():
        touched.update(part.order_by().values_list("batch_id", flat=True).distinct())
    return with_rows_that_stay(touched, ~selection.condition)


def with_rows_that_stay(batch_ids: set[int], stays: Q) -> set[int]:
    """Give those batches that keep a live row; nothing of the others is built on."""
    ids = sorted(batch_ids)
    kept: set[int] = set()
    for start in range(0, len(ids), BATCHES_PER_READ):
        rows = ImageResult.objects.live().filter(stays, batch__in=ids[start : start + BATCHES_PER_READ])
        kept.update(rows.order_by().values_list("batch_id", flat=True).distinct())
    return kept


def require_safe(session: ProcessingSession, batch_ids: set[int]) -> None:
    """Verify batches before they are counted anew: after that, changed rows would be signed as true.

    test: test_recovery_signs_no_second_live_result.
    """
    for batch in Batch.objects.filter(pk__in=batch_ids).order_by("pk"):
        findings = [finding.text for finding in integrity.check_batch(batch) if finding.forbids_recount]
        if findings:
            raise NotSafe(session, findings)


def put_aside(session: ProcessingSession, selection: Selection, number: int) -> Change:
    """Supersede the selected rows and count anew; an earlier comparison is forgotten."""
    change = sum((supersede(part, number) for part in selection.parts()), Change())
    touched = change.batch_ids | _counted_anew(session, selection)
    if change.lowest is not None:
        covering = Checkpoint.objects.filter(session=session, voided_by=None)
        covering.filter(last_result__gte=change.lowest).update(voided_by=number)
    if touched or session.stage == Stage.COMPLETED:
        recompute(session, touched)
    return change


def _counted_anew(session: ProcessingSession, selection: Selection) -> frozenset[int]:
    """Give every batch that says it has verdicts when all are put aside: one that has lost its rows is redone too.

    test: test_fresh_start_makes_every_photo_anew_when_rows_are_missing.
    """
    if selection.condition != EVERY_ROW:
        return frozenset()
    counting = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS, processed__gt=0)
    return frozenset(counting.order_by().values_list("pk", flat=True))


def recompute(session: ProcessingSession, batch_ids: frozenset[int]) -> None:
    """Count anew after rows were put aside or taken back, and go back to analyzing."""
    clear_comparison(session)
    redecide_if_overruled(session)
    recount(session, batch_ids)
    if session.stage != Stage.SCANNING:
        session.rewind()


def seal_after(session: ProcessingSession, note: str) -> None:
    """Take the checkpoint that says how a recovery or an undo has left the session."""
    Checkpoint.objects.create_session_checkpoint(
        session, CheckpointType.MANUAL, force=True, note=note, pinned=False
    )


def _recovered(session: ProcessingSession, request: Request, redo: int, counted: int) -> Recovered:
    """Say what was done; `counted` is what the counters had said, by which the preview had counted.

    test: test_recovery_says_so_when_the_counters_were_wrong.
    """
    keep = session.counts()["processed"]
    left = total_of(session) - keep
    recovered = _told(session.attempt, request.option.value, start_index(session), keep, redo, left)
    if counted == keep + redo:
        return recovered
    told = f"There were {keep + redo} verdicts, where the counters had said {counted}."
    return replace(recovered, message=f"{recovered.message} {told}")


def _told(attempt: int, option: str, start_index: int, keep: int, redo: int, left: int) -> Recovered:
    # For people photos count from 1, as on the pages.
    message = f"The session goes on from photo {start_index + 1}: {keep} verdicts kept, {redo} put aside, {left} photos left."
    return Recovered(attempt, option, message, start_index, keep, redo, left)


def going_on(session: ProcessingSession) -> Recovered:
    """Give how a session goes on whose pause was lifted: no verdict is put aside."""
    keep = session.counts()["processed"]
    return _told(session.attempt, RESUME, start_index(session), keep, 0, total_of(session) - keep)


def recovered_by(attempt: RecoveryAttempt) -> Recovered:
    """Give what a recovery did, from its row: for somebody who did not get the answer."""
    return _told(attempt.number, attempt.option, **attempt.preview)


def _numbers(recovered: Recovered) -> dict[str, int]:
    names = ("start_index", "keep", "redo", "left")
    return {name: getattr(recovered, name) for name in names}
