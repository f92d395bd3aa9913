"""The list of sessions, by page and by tab."""

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from processing.forms import SessionListForm
from processing.models import ProcessingSession
from processing.overview import rows_of, rows_version, tabs_of
from processing.views.guard import HtmxRequest, page
from recovery import detection
from recovery.waiting import waiting_of

SESSIONS_PER_PAGE = 25


@require_safe
@page
def sessions(request: HtmxRequest) -> HttpResponse:
    """List the sessions, newest first, by page and by tab."""
    form = SessionListForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The list was asked for something that it does not have.")
    detection.look()
    visible = ProcessingSession.objects.visible_to(request.user)
    listed = visible.in_tab(form.cleaned_data["status"]).newest_first()
    if form.cleaned_data["after"]:
        listed = listed.older_than(get_object_or_404(visible, pk=form.cleaned_data["after"]))
    found = list(listed[: SESSIONS_PER_PAGE + 1])
    rows, counts = rows_of(found[:SESSIONS_PER_PAGE]), visible.count_tabs()
    version = rows_version(rows, counts, len(found))
    if request.htmx and version == form.cleaned_data["version"]:
        return HttpResponse(status=204)
    context = {
        "rows": rows,
        "tabs": tabs_of(counts, form.cleaned_data["status"]),
        "status": form.cleaned_data["status"],
        "after": form.cleaned_data["after"],
        "version": version,
        "next": rows[-1].session if len(found) > SESSIONS_PER_PAGE else None,
    }
    if request.htmx:
        return render(request, "processing/_sessions.html", context)
    return render(request, "processing/sessions.html", context | {"waiting": waiting_of(request.user)})
