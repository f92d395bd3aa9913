"""Photos of a session: their verdicts, and what persons say of them."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Router

from processing.api import shapes
from processing.callers import needs
from processing.idempotency import PARAMETER
from processing.looking import MachineFilter
from processing.models import ImageResult, ProcessingSession, Scope
from processing.overriding import Choice, Saying, newest_of
from processing.published import image_of, images_page
from processing.review import live_row
from processing.schemas import LIMIT_DEFAULT, Limit, refusals
from processing.views.guard import operated_session, person_of, seen_session
from recovery import overrides
from recovery.audit import Action

router = Router(tags=["photos"])


@router.get(
    "sessions/{session_id}/results",
    auth=needs(Scope.READ),
    response=shapes.ImagePage,
    operation_id="list_results",
    summary="List photos",
    openapi_extra={"responses": refusals(404)},
)
def list_results(
    request: HttpRequest,
    session_id: UUID,
    verdict: shapes.Verdict | None = None,
    reason: shapes.Reason | None = None,
    after: shapes.Position | None = None,
    limit: Limit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """List photos in order of position, all or those with this verdict and this reason of the machine."""
    session = seen_session(request, session_id)
    wanted = MachineFilter(verdict or "", reason or "")
    images, further = images_page(session, wanted, -1 if after is None else after, limit)
    return {"items": images, "next": None if further is None else str(further)}


@router.get(
    "sessions/{session_id}/results/{position}",
    auth=needs(Scope.READ),
    response=shapes.Image,
    operation_id="show_result",
    summary="Show a photo",
    openapi_extra={"responses": refusals(404)},
)
def show_result(request: HttpRequest, session_id: UUID, position: shapes.Position) -> dict[str, Any]:
    """Show one photo, counted from 0: verdict, reasons, measures."""
    return _image(seen_session(request, session_id), position)


@router.patch(
    "sessions/{session_id}/results/{position}",
    auth=needs(Scope.RUN),
    response=shapes.Image,
    operation_id="override_result",
    summary="Overrule the machine on a photo",
    openapi_extra={"responses": refusals(404, 409)},
)
def override_result(
    request: HttpRequest, session_id: UUID, position: shapes.Position, body: shapes.OverrideRequest
) -> dict[str, Any]:
    """Put one photo under a person's verdict, or let the machine's count again. The machine's stays beside it."""
    session = operated_session(request, session_id, Action.OVERRIDE)
    person = person_of(request)
    saying = Saying(body.verdict or "", person["actor"], body.note)
    overrides.say(session, position, saying, address=person["address"])
    return _image(session, position)


@router.post(
    "sessions/{session_id}/overrides",
    auth=needs(Scope.RUN),
    response=shapes.Overridden,
    operation_id="override_results",
    summary="Overrule the machine on many photos",
    openapi_extra={"responses": refusals(404, 409), "parameters": [PARAMETER]},
)
def override_results(request: HttpRequest, session_id: UUID, body: shapes.OverridesRequest) -> dict[str, Any]:
    """Put all photos that match under a person's verdict, or withdraw what persons said of them; all, if nothing is named.

    `verdict_is` is the decision of now, a person's or the machine's; `reason` is one of the machine's.
    """
    session = operated_session(request, session_id, Action.OVERRIDE)
    person = person_of(request)
    choice = Choice(body.verdict_is or "", body.reason or "", overridden=body.verdict is None)
    saying = Saying(body.verdict or "", person["actor"], body.note)
    act = overrides.say_to_all(session, choice, saying, address=person["address"])
    return {
        "session": str(session.pk),
        "position": None,
        "verdict": body.verdict,
        "note": body.note,
        "photos": act.changed,
    }


def _image(session: ProcessingSession, position: int) -> dict[str, Any]:
    """Give one photo. Raises Http404 when it has no result that counts."""
    row: ImageResult | None = live_row(session, position)
    if row is None:
        raise Http404
    return image_of(row, session.preset, newest_of(session, [position]).get(position))
