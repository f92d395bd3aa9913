"""REST of recovery: `/api/recovery/`. Each operation calls the function that the command calls."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router

from processing import access, progress
from processing.callers import needs
from processing.cursors import Cursor, following, place_of
from processing.idempotency import PARAMETER
from processing.instants import behind
from processing.management.failures import NotFound, Refused, WrongUsage
from processing.models import ProcessingSession, Scope
from processing.models.session_set import TABS
from processing.schemas import LIMIT_DEFAULT, Limit, refusals
from processing.states import Status
from processing.views.guard import operated_session, person_of, seen_session
from recovery import acts, checkpoint_acts, detection, integrity, published, schemas
from recovery.audit import Action
from recovery.bulk import VERIFIED_MAX
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint
from recovery.plans import RecoveryOption, prepare_recovery_options
from recovery.resume import Recovered, execute_recovery, going_on
from recovery.statistics import statistics_since
from recovery.undo import rollback_recovery

router = Router(tags=["recovery"])
CRASHED = TABS["interrupted"] | TABS["failed"]
PROBLEMS_MAX = 200
SESSION = "sessions/{session_id}/"
ASKED = {"responses": refusals(404)}
ACTED: dict[str, Any] = {"responses": refusals(404, 409), "parameters": [PARAMETER]}
RECOVERED: dict[str, Any] = {"responses": refusals(404, 409, 428), "parameters": [PARAMETER]}


@router.get(
    "crashed-sessions",
    auth=needs(Scope.READ),
    response=schemas.CrashedSessionPage,
    operation_id="list_crashed_sessions",
    openapi_extra={"responses": refusals()},
)
def list_crashed_sessions(
    request: HttpRequest, after: Cursor | None = None, limit: Limit = LIMIT_DEFAULT
) -> dict[str, Any]:
    """List the interrupted and failed sessions that you may see, newest first, each with its newest crash."""
    detection.look()
    crashed = ProcessingSession.objects.visible_to(request.user).filter(CRASHED)
    if after is not None:
        crashed = crashed.filter(behind(*place_of(after)))
    found = list(crashed.newest_first()[: limit + 1])
    return {"items": _with_crashes(request, found[:limit]), "next": following(found, limit)}


def _with_crashes(request: HttpRequest, sessions: list[ProcessingSession]) -> list[dict[str, Any]]:
    crashes = detection.last_crashes_of(sessions)
    operable = ProcessingSession.objects.operable_by(request.user).filter(pk__in=[one.pk for one in sessions])
    recoverable = set(operable.order_by().values_list("pk", flat=True))
    items = []
    for session, told in zip(sessions, progress.sessions_of(sessions), strict=True):
        crash = crashes.get(session.pk)
        shown = {"crash": detection.crash_of(crash) if crash else None}
        items.append(told | shown | {"can_recover": session.pk in recoverable})
    return items


@router.get(
    SESSION + "recovery-options",
    auth=needs(Scope.READ),
    response=schemas.WaysBack,
    operation_id="list_recovery_options",
    openapi_extra=ASKED,
)
def list_recovery_options(
    request: HttpRequest, session_id: UUID, checkpoint: UUID | None = None
) -> dict[str, Any]:
    """Say what each way back keeps, redoes and leaves; with `checkpoint`, `continue` goes back to that one."""
    session = _seen(request, session_id)
    options = prepare_recovery_options(session, _checkpoint(session, checkpoint))
    return {"items": [option.published() for option in options], "next": None}


@router.post(
    SESSION + "recover",
    auth=needs(Scope.RECOVER),
    response={202: schemas.Recovery},
    operation_id="recover_session",
    openapi_extra=RECOVERED,
)
def recover_session(
    request: HttpRequest, response: HttpResponse, session_id: UUID, asked: schemas.RecoverRequest
) -> dict[str, Any]:
    """Take a way back. Workers that wait take the session up; a fresh start needs `confirmed: true`."""
    session = _operated(request, session_id, Action.RECOVER)
    if asked.checkpoint_id is not None and RecoveryOption(asked.option) != RecoveryOption.CONTINUE:
        raise WrongUsage("A checkpoint goes with the option `continue` only.", session=session.pk)
    person = person_of(request)
    recovered = execute_recovery(
        session,
        asked.option,
        asked.confirmed,
        by=person["actor"],
        address=person["address"],
        attempt=asked.attempt,
        checkpoint=_checkpoint(session, asked.checkpoint_id),
    )
    return _going_on(response, session, recovered)


@router.post(
    SESSION + "resume",
    auth=needs(Scope.RECOVER),
    response={202: schemas.Recovery},
    operation_id="resume_session",
    openapi_extra=ACTED,
)
def resume_session(request: HttpRequest, response: HttpResponse, session_id: UUID) -> dict[str, Any]:
    """Let a session go on: a pause is lifted, an interrupted or failed session is recovered with `continue`."""
    session, person = _operated(request, session_id, Action.RESUME), person_of(request)
    if session.status in (Status.INTERRUPTED, Status.FAILED):
        option = RecoveryOption.CONTINUE
        recovered = execute_recovery(session, option, by=person["actor"], address=person["address"])
    else:
        acts.resume(session, **person)
        recovered = going_on(session)
    return _going_on(response, session, recovered)


def _going_on(response: HttpResponse, session: ProcessingSession, recovered: Recovered) -> dict[str, Any]:
    """Give what was done, and where the session's progress can be followed."""
    response.headers["Location"] = f"/api/v1/sessions/{session.pk}/progress"
    return published.recovery_of(session, recovered)


@router.post(
    SESSION + "rollback",
    auth=needs(Scope.RECOVER),
    response=schemas.Recovery,
    operation_id="roll_back_recovery",
    openapi_extra=ACTED,
)
def roll_back_recovery(
    request: HttpRequest, session_id: UUID, asked: schemas.RollbackRequest
) -> dict[str, Any]:
    """Undo a recovery and all that stand on it: the session is as before it, paused."""
    session, person = _operated(request, session_id, Action.ROLLBACK), person_of(request)
    undone = rollback_recovery(session, asked.attempt, by=person["actor"], address=person["address"])
    return published.recovery_of(session, undone)


@router.get(
    SESSION + "checkpoints",
    auth=needs(Scope.READ),
    response=schemas.CheckpointPage,
    operation_id="list_checkpoints",
    openapi_extra=ASKED,
)
def list_checkpoints(
    request: HttpRequest, session_id: UUID, after: Cursor | None = None, limit: Limit = LIMIT_DEFAULT
) -> dict[str, Any]:
    """List a session's checkpoints, newest first."""
    session = _seen(request, session_id)
    rows = Checkpoint.objects.newest_first(session)
    if after is not None:
        rows = rows.filter(behind(*place_of(after)))
    found = list(rows[: limit + 1])
    items = [published.checkpoint_of(one) for one in found[:limit]]
    return {"items": items, "next": following(found, limit)}


@router.get(
    SESSION + "latest-checkpoint",
    auth=needs(Scope.READ),
    response=schemas.CheckpointTold,
    operation_id="get_latest_checkpoint",
    openapi_extra=ASKED,
)
def get_latest_checkpoint(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    """Give the newest checkpoint that may be gone back to: damaged ones, and those of undone work, are passed over."""
    session = _seen(request, session_id)
    found = Checkpoint.objects.latest_intact(session)
    if found is None:
        raise NotFound(_("The session has no intact checkpoint."), session=session.pk)
    return published.checkpoint_of(found)


@router.post(
    SESSION + "checkpoint",
    auth=needs(Scope.RECOVER),
    response={201: schemas.CheckpointTold},
    operation_id="take_checkpoint",
    openapi_extra=ACTED,
)
def take_checkpoint(
    request: HttpRequest, response: HttpResponse, session_id: UUID, asked: schemas.NoteRequest | None = None
) -> dict[str, Any]:
    """Take a checkpoint now, which is kept until it is unpinned."""
    return _take(request, response, session_id, CheckpointType.MANUAL, asked)


@router.post(
    SESSION + "emergency-checkpoint",
    auth=needs(Scope.RECOVER),
    response={201: schemas.CheckpointTold},
    operation_id="take_emergency_checkpoint",
    openapi_extra=ACTED,
)
def take_emergency_checkpoint(
    request: HttpRequest, response: HttpResponse, session_id: UUID, asked: schemas.NoteRequest | None = None
) -> dict[str, Any]:
    """Take an emergency checkpoint, which is kept until the next of its kind."""
    return _take(request, response, session_id, CheckpointType.EMERGENCY, asked)


def _take(
    request: HttpRequest,
    response: HttpResponse,
    session_id: UUID,
    kind: CheckpointType,
    asked: schemas.NoteRequest | None,
) -> dict[str, Any]:
    session = _operated(request, session_id, Action.CHECKPOINT)
    made = checkpoint_acts.take(session, kind, note="" if asked is None else asked.note, **person_of(request))
    response.headers["Location"] = f"/api/recovery/sessions/{session.pk}/checkpoints"
    return published.checkpoint_of(made)


@router.delete(
    SESSION + "checkpoints",
    auth=needs(Scope.RECOVER),
    response=schemas.Cleanup,
    operation_id="clean_up_checkpoints",
    openapi_extra=ASKED,
)
def clean_up_checkpoints(
    request: HttpRequest, session_id: UUID, keep: schemas.Keep | None = None
) -> dict[str, Any]:
    """Delete the checkpoints that nothing asks to keep; no verdict depends on them."""
    session = _operated(request, session_id, Action.CLEANUP)
    stay = settings.CHECKPOINT_KEEP_COUNT if keep is None else keep
    deleted = checkpoint_acts.clean_up(session.pk, stay, **person_of(request))
    return {"session": session.pk, "keep": stay, "deleted": deleted}


@router.post(
    SESSION + "verify-integrity",
    auth=needs(Scope.RECOVER),
    response=schemas.Verification,
    operation_id="verify_session",
    openapi_extra=ACTED,
)
def verify_session(
    request: HttpRequest, session_id: UUID, asked: schemas.VerifyRequest | None = None
) -> dict[str, Any]:
    """Look whether all that is stored is what was written; with `repair`, mend what can be worked out again."""
    detection.look()
    repairs = asked is not None and asked.repair
    session = _operated(request, session_id, Action.REPAIR) if repairs else seen_session(request, session_id)
    if not repairs and not access.may_verify(request.user, session):
        raise access.NotAllowed(_("You may look at this session, but not verify it."))
    if session.counts()["processed"] > VERIFIED_MAX:
        text = _("The session is too large to be verified while somebody waits.")
        raise Refused(text, hint=f"`manage.py verify {session.pk}` has no limit.", session=session.pk)
    tally = integrity.Tally()
    problems: list[dict[str, Any]] = []
    for finding in integrity.verify(session, repair=repairs, tally=tally, **person_of(request)):
        problems += [published.finding_of(finding)] if len(problems) < PROBLEMS_MAX else []
    return published.verification_of(session, tally) | {"problems": problems}


@router.get(
    "recovery-statistics",
    auth=needs(Scope.READ),
    response=schemas.StatisticsTold,
    operation_id="get_recovery_statistics",
    openapi_extra={"responses": refusals()},
)
def get_recovery_statistics(request: HttpRequest, since: schemas.Since | None = None) -> dict[str, Any]:
    """Say what crashes and recoveries have cost, of the sessions that you may see; for who sees all, of all."""
    detection.look()
    visible = None if access.may_audit(request.user) else ProcessingSession.objects.visible_to(request.user)
    return statistics_since(since, visible).published()


def _seen(request: HttpRequest, session_id: UUID) -> ProcessingSession:
    """Bury who is dead, then find a session that the caller may see."""
    detection.look()
    return seen_session(request, session_id)


def _operated(request: HttpRequest, session_id: UUID, action: Action) -> ProcessingSession:
    """Bury who is dead, then find a session with which the caller may do something."""
    detection.look()
    return operated_session(request, session_id, action)


def _checkpoint(session: ProcessingSession, checkpoint_id: UUID | None) -> Checkpoint | None:
    if checkpoint_id is None:
        return None
    found = Checkpoint.objects.filter(session=session, pk=checkpoint_id).first()
    if found is None:
        text = _("The session has no checkpoint {id}.").format(id=checkpoint_id)
        raise NotFound(text, hint=_("It may have been cleaned up; list those there are."), session=session.pk)
    return found
