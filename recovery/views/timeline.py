"""What happened in a session, in order."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing import access
from processing.headlines import headline_of, refusals_of
from processing.snapshots import snapshots_of
from processing.views.guard import HtmxRequest, page, seen_session
from recovery import detection
from recovery.chronicle import Kind, events_of
from recovery.forms import TimelineForm
from recovery.statistics import totals_of
from recovery.timestrip import strip_of


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
    may_operate = access.may_operate(request.user, session)
    context = {
        "session": session,
        "headline": headline_of(snapshots_of([session])[0]),
        "refusals": refusals_of(session, may_operate=may_operate),
        "totals": totals_of(session),
        "strip": strip_of(session),
        "events": events,
        "more": more,
        "kind": kind,
        "before": before,
        "kinds": Kind.choices,
        "may_operate": may_operate,
        "may_verify": access.may_verify(request.user, session),
        "place": "timeline",
    }
    return render(request, "recovery/timeline.html", context)
