"""What happened in a session, in order."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session
from recovery import detection
from recovery.chronicle import Kind, events_of
from recovery.forms import TimelineForm
from recovery.statistics import totals_of
from recovery.timestrip import strip_of
from recovery.views.around import context_around


@require_safe
@page
def timeline(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Show a session's time as a strip, and what happened as a list, the newest first, page by page."""
    form = TimelineForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The timeline was asked for something that it does not have.")
    detection.look()
    session = seen_session(request, session_id)
    kind, before = form.cleaned_data["kind"], form.cleaned_data["before"]
    events, more = events_of(session, kind, before)
    context = context_around(request, session, "timeline") | {
        "totals": totals_of(session),
        "strip": strip_of(session),
        "events": events,
        "more": more,
        "kind": kind,
        "before": before,
        "kinds": Kind.choices,
    }
    return render(request, "recovery/timeline.html", context)
