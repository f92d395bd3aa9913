"""REST of sessions, results, presets: `/api/v1/`. Each operation calls the function that the command calls."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from processing import progress, schemas
from processing.callers import needs
from processing.models import ProcessingSession, Scope
from processing.schemas import refusals

router = Router(tags=["sessions"])


@router.get(
    "sessions",
    auth=needs(Scope.READ),
    response=schemas.SessionPage,
    operation_id="list_sessions",
    openapi_extra={"responses": refusals()},
)
def list_sessions(
    request: HttpRequest, after: UUID | None = None, limit: schemas.Limit = schemas.LIMIT_DEFAULT
) -> dict[str, Any]:
    """List the sessions that you may see, newest first."""
    visible = ProcessingSession.objects.visible_to(request.user)
    if after is not None:
        visible = visible.older_than(visible.get(pk=after))
    found = list(visible.newest_first()[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return {"items": progress.sessions_of(found[:limit]), "next": following}
