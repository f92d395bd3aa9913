"""The photos of a session."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def results(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The photos of a session."""
    return render(request, "processing/results.html", {"session": seen_session(request, session_id)})
