"""The first pages: the list of sessions, one session's page, its three buttons, and the sign of life."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from processing.forms import SessionListForm, SessionPartForm, StepForm
from processing.models import ProcessingSession, StepRefused
from processing.overview import CrashLine, overview_of, rows_of, rows_version, tabs_of
from recovery import acts, detection
from recovery.models import Crash

logger = logging.getLogger(__name__)

SESSIONS_PER_PAGE = 25


class HtmxRequest(HttpRequest):
    """A request that says whether HTMX asks for a part."""

    htmx: HtmxDetails


View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """Refuse strangers, keep answers out of caches, and tell the part from the page.

    A part that a stranger asks for sends the whole page to the login, instead of a login inside the part.
    """

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            login = redirect_to_login(request.htmx.current_url_abs_path or "/")
            return HttpResponseClientRedirect(login.url)
        return redirect_to_login(request.get_full_path())

    return never_cache(vary_on_headers("HX-Request")(guarded))


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers. It asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


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
        "interrupted_count": counts["interrupted"],
        "version": version,
        "next": rows[-1].session if len(found) > SESSIONS_PER_PAGE else None,
    }
    return render(
        request, "processing/_sessions.html" if request.htmx else "processing/sessions.html", context
    )


@require_safe
@page
def session(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Show one session; asked by its own page, only what is new."""
    form = SessionPartForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The page says that it shows something that it cannot show.")
    detection.look()
    overview = overview_of(*_find(request, session_id))
    if request.htmx and overview.version == form.cleaned_data["version"]:
        return HttpResponse(status=204)
    said = form.cleaned_data["said"]
    context = {"overview": overview, "says": bool(request.htmx) and said != overview.milestone}
    return render(request, "processing/_session.html" if request.htmx else "processing/session.html", context)


@require_POST
@page
def pause(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Stop handing out a session's work."""
    return _take_step(request, session_id, "pause")


@require_POST
@page
def resume(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Lift a pause."""
    return _take_step(request, session_id, "resume")


@page
def cancel(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Ask whether a session is to be given up for good, then do so."""
    if request.method == "POST":
        return _take_step(request, session_id, "cancel")
    detection.look()
    overview = overview_of(*_find(request, session_id))
    return render(request, "processing/cancel.html", {"overview": overview, "form": StepForm()})


def _take_step(request: HtmxRequest, session_id: UUID, step: str) -> HttpResponse:
    """Take one step of the model; a state that does not allow it answers 409 with the sentence."""
    found, crash = _find(request, session_id)
    form = StepForm(request.POST)
    if not form.is_valid():
        context = {"overview": overview_of(found, crash), "form": form}
        return render(request, "processing/cancel.html", context, status=400)
    why = form.cleaned_data["why"]
    person: dict[str, Any] = {
        "actor": request.user.get_username(),
        "address": request.META.get("REMOTE_ADDR"),
    }
    steps: dict[str, Callable[[], None]] = {
        "pause": lambda: acts.pause(found, why=why, **person),
        "resume": lambda: acts.resume(found, **person),
        "cancel": lambda: acts.cancel(found, why=why, **person),
    }
    try:
        steps[step]()
    except StepRefused as error:
        context = {"overview": overview_of(found, crash), "refusal": str(error)}
        return render(request, "processing/session.html", context, status=409)
    logger.info("session step taken", extra={"session": str(found.pk), "step": step, "user": request.user.pk})
    return redirect("session", session_id=found.pk)


def _find(request: HtmxRequest, session_id: UUID) -> tuple[ProcessingSession, CrashLine | None]:
    visible = ProcessingSession.objects.visible_to(request.user).select_related("owner")
    found = get_object_or_404(visible, pk=session_id)
    crash = detection.last_crash_of(found)
    return found, _line_of(crash) if crash else None


def _line_of(crash: Crash) -> CrashLine:
    return CrashLine(
        cause=crash.get_crash_type_display(),
        probability=max(crash.probabilities.values(), default=None),
        evidence=crash.evidence,
        photo=crash.photo,
        discarded_count=crash.discarded_count,
        detected_at=crash.detected_at,
    )
