"""Sessions: begun, listed, shown, renamed, watched, paused and cancelled."""

import json
import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from ninja import Router, Status

from config.problems import problem
from processing import access, progress
from processing.api import shapes
from processing.callers import needs
from processing.cursors import Cursor, following, place_of
from processing.forms import NewSessionForm
from processing.idempotency import PARAMETER
from processing.instants import behind
from processing.models import ProcessingSession, Scope
from processing.progress import WORKING
from processing.schemas import LIMIT_DEFAULT, Limit, SessionPage, refusals
from processing.starting import AnotherUnfinished
from processing.views.guard import note_outside, operated_session, person_of, refuse, seen_session, user_of
from recovery import acts, detection
from recovery.audit import Action

logger = logging.getLogger(__name__)
router = Router(tags=["sessions"])
# How often to ask again, as Retry-After: while photos are judged, and while somebody has to decide.
PACE_S, PACE_HELD_S = 2, 10
Tab = Literal["running", "interrupted", "paused", "failed", "completed", "cancelled"]
LOCATION = {"Location": {"description": "Its address", "schema": {"type": "string"}}}
ETAG = {
    "ETag": {"description": "Send it as If-None-Match", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds; none when it is finished", "schema": {"type": "integer"}},
}


@router.get(
    "sessions",
    auth=needs(Scope.READ),
    response=SessionPage,
    operation_id="list_sessions",
    summary="List sessions",
    openapi_extra={"responses": refusals()},
)
def list_sessions(
    request: HttpRequest, status: Tab | None = None, after: Cursor | None = None, limit: Limit = LIMIT_DEFAULT
) -> dict[str, Any]:
    """List the sessions that you may see, newest first. `running` takes in scanning and comparing."""
    detection.look()
    listed = ProcessingSession.objects.visible_to(request.user).in_tab(status or "")
    if after is not None:
        listed = listed.filter(behind(*place_of(after)))
    found = list(listed.newest_first()[: limit + 1])
    return {"items": progress.sessions_of(found[:limit]), "next": following(found, limit)}


@router.post(
    "sessions",
    auth=needs(Scope.RUN),
    response={201: shapes.WholeSession},
    operation_id="create_session",
    summary="Begin a session",
    openapi_extra={"responses": {201: {"headers": LOCATION}} | refusals(409), "parameters": [PARAMETER]},
)
def create_session(request: HttpRequest, body: shapes.SessionRequest, response: HttpResponse) -> Any:
    """Begin to proof a folder of photos; the workers of `serve` or `workers` take it up.

    A folder that has an unfinished session is refused, with that session's id, unless `new` is true.
    """
    if not access.may_operate(request.user):
        refuse(request, Action.SESSION, _("Your role may look at sessions, but not begin one."))
    form = NewSessionForm(_as_form(body), user=request.user)
    if not form.is_valid():
        note_outside(request, form)
        return _say_why_not(request, form)
    alone_of = None if body.new else user_of(request)
    try:
        session = acts.begin(form.columns, alone_of=alone_of, **person_of(request))
    except AnotherUnfinished:
        # Read again, the form knows which one.
        again = NewSessionForm(_as_form(body), user=request.user)
        again.full_clean()
        return _say_why_not(request, again)
    logger.info("session begun", extra={"session": str(session.pk), "user": request.user.pk})
    response.headers["Location"] = reverse("api:show_session", args=[session.pk])
    return Status(201, _whole(session))


def _as_form(body: shapes.SessionRequest) -> dict[str, Any]:
    """Give what the page's form would have sent."""
    asked = body.dict()
    defaults = {"batch_size": settings.BATCH_SIZE, "checkpoint_interval": settings.CHECKPOINT_INTERVAL}
    return asked | {name: asked[name] or default for name, default in defaults.items()} | {"beside": body.new}


def _say_why_not(request: HttpRequest, form: NewSessionForm) -> HttpResponse:
    errors = [
        {"where": f"body.{name}", "why": str(why)} for name, found in form.errors.items() for why in found
    ]
    if form.unfinished is not None and set(form.errors) == {"beside"}:
        session = form.unfinished
        return problem(
            request,
            409,
            "held",
            f"Session {session.pk} of this source is {session.status.value}.",
            hint='Go on with that one, or send "new": true for another one beside it.',
            session=str(session.pk),
        )
    return problem(request, 422, "usage", " ".join(one["why"] for one in errors), errors=errors)


@router.get(
    "sessions/{session_id}",
    auth=needs(Scope.READ),
    response=shapes.WholeSession,
    operation_id="show_session",
    summary="Show a session",
    openapi_extra={"responses": refusals(404)},
)
def show_session(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    """Show one session: status, counts, rate, time left, workers, last crash."""
    detection.look()
    return _whole(seen_session(request, session_id))


@router.patch(
    "sessions/{session_id}",
    auth=needs(Scope.RUN),
    response=shapes.WholeSession,
    operation_id="rename_session",
    summary="Rename a session",
    openapi_extra={"responses": refusals(404)},
)
def rename_session(request: HttpRequest, session_id: UUID, body: shapes.SessionChange) -> dict[str, Any]:
    """Call a session by another name. That changes nothing that is audited."""
    session = seen_session(request, session_id)
    if not access.may_operate(request.user, session):
        raise access.NotAllowed(_("You may look at this session, but not change it."))
    session.rename(body.name)
    return _whole(session)


@router.get(
    "sessions/{session_id}/progress",
    auth=needs(Scope.READ),
    response=shapes.Progress,
    operation_id="show_progress",
    summary="Watch a session",
    openapi_extra={
        "responses": {
            200: {"headers": ETAG},
            304: {"description": "Nothing has changed since that ETag", "headers": ETAG},
        }
        | refusals(404)
    },
)
def show_progress(request: HttpRequest, session_id: UUID, response: HttpResponse) -> Any:
    """Say how far a session is. Send If-None-Match with the last ETag, and wait as long as Retry-After says."""
    detection.look()
    session = seen_session(request, session_id)
    told = progress.status_of(session)
    etag = f'"{sha256(json.dumps(told).encode()).hexdigest()[:32]}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    unchanged: HttpResponse | None = get_conditional_response(request, etag, None, response)
    is_unchanged = unchanged is not None and unchanged.status_code == 304
    answer = unchanged if unchanged is not None and is_unchanged else response
    if not session.is_finished:
        answer.headers["Retry-After"] = str(PACE_S if session.status in WORKING else PACE_HELD_S)
    return answer if is_unchanged else told


STEPPED: dict[str, Any] = {"responses": refusals(404, 409), "parameters": [PARAMETER]}


@router.post(
    "sessions/{session_id}/pause",
    auth=needs(Scope.RUN),
    response=shapes.WholeSession,
    operation_id="pause_session",
    summary="Pause a session",
    openapi_extra=STEPPED,
)
def pause_session(request: HttpRequest, session_id: UUID, body: shapes.Step | None = None) -> dict[str, Any]:
    """Hand out no more work of a session. Photos that are being analyzed still land."""
    return _hold(request, session_id, Action.PAUSE, acts.pause, body)


@router.post(
    "sessions/{session_id}/cancel",
    auth=needs(Scope.RUN),
    response=shapes.WholeSession,
    operation_id="cancel_session",
    summary="Cancel a session",
    openapi_extra=STEPPED,
)
def cancel_session(request: HttpRequest, session_id: UUID, body: shapes.Step | None = None) -> dict[str, Any]:
    """Give a session up for good. Verdicts that are stored stay readable."""
    return _hold(request, session_id, Action.CANCEL, acts.cancel, body)


def _hold(
    request: HttpRequest,
    session_id: UUID,
    action: Action,
    act: Callable[..., None],
    body: shapes.Step | None,
) -> dict[str, Any]:
    session = operated_session(request, session_id, action)
    act(session, why=body.reason if body else "", **person_of(request))
    logger.info("session step taken", extra={"session": str(session.pk), "step": action.value})
    return _whole(session)


def _whole(session: ProcessingSession) -> dict[str, Any]:
    """Give the published session; the crash in it has no `type` either."""
    crash = detection.last_crash_of(session)
    return progress.session_of(session) | {
        "workers": progress.workers_of(session),
        "last_crash": None if crash is None else detection.crash_of(crash),
    }
