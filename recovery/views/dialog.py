"""What happened to a session, and the ways back."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def recovery(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """What happened to a session, and the ways back."""
    return render(request, "recovery/dialog.html", {"session": seen_session(request, session_id)})
