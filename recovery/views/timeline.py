"""What happened in a session, in order."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def timeline(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """What happened in a session, in order."""
    return render(request, "recovery/timeline.html", {"session": seen_session(request, session_id)})
