"""The checkpoints of a session."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def checkpoints(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The checkpoints of a session."""
    return render(request, "recovery/checkpoints.html", {"session": seen_session(request, session_id)})
