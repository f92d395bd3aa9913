"""The recovery dashboard: what was interrupted, what runs, and what went wrong; its parts live."""

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.models import ProcessingSession
from processing.views.guard import HtmxRequest, page
from recovery import detection
from recovery.dashboard import crashes_of, interrupted_of, running_of
from recovery.figures import figures_of
from recovery.forms import DEFAULT_SINCE, DashboardForm, TimelineForm
from recovery.statistics import read_since

HISTORY_PER_PAGE = 50


@require_safe
@page
def dashboard(request: HtmxRequest) -> HttpResponse:
    """Show it; a part that its own page asks for, only when it has changed."""
    form = DashboardForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The dashboard was asked for something that it does not have.")
    detection.look()
    if request.htmx and form.cleaned_data["part"]:
        return _part(request, form.cleaned_data["part"], form.cleaned_data["version"])
    visible = ProcessingSession.objects.visible_to(request.user)
    crashes, more = crashes_of(request.user)
    context = {
        "interrupted_rows": interrupted_of(request.user, looks=form.cleaned_data["looks"]),
        "running": running_of(request.user),
        "crashes": crashes,
        "more": more,
        "figures": figures_of(read_since(DEFAULT_SINCE), visible),
    }
    return render(request, "recovery/dashboard.html", context)


def _part(request: HtmxRequest, part: str, version: str) -> HttpResponse:
    if part == "running":
        running = running_of(request.user)
        if running.version == version:
            return HttpResponse(status=204)
        return render(request, "recovery/_running.html", {"running": running})
    seen = interrupted_of(request.user, looks=False)
    if f"{seen.version} looked" == version:
        return HttpResponse(status=204)
    context = {
        "interrupted_rows": interrupted_of(request.user, looks=True),
        "shown": f"{seen.version} looked",
    }
    return render(request, "recovery/_interrupted.html", context)


@require_safe
@page
def crashes(request: HtmxRequest) -> HttpResponse:
    """List every crash, the newest first, page by page."""
    form = TimelineForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The crash history was asked for something that it does not have.")
    detection.look()
    before = form.cleaned_data["before"]
    found, more = crashes_of(request.user, before, HISTORY_PER_PAGE)
    return render(request, "recovery/crashes.html", {"crashes": found, "more": more, "before": before})
