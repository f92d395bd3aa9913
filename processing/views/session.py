"""One session's page and its three buttons."""

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from processing import access, wording
from processing.forms import NoteForm, SessionPartForm, StepForm
from processing.live import LivePart
from processing.models import ProcessingSession, StepRefused
from processing.overview import CrashLine, Overview, overview_of
from processing.sharing import Shared
from processing.views.guard import (
    HtmxRequest,
    glimpsed_session,
    operated_session,
    page,
    person_of,
    seen_session,
)
from recovery import acts, checkpoint_acts, detection
from recovery.audit import Action
from recovery.chronicle import lately_of
from recovery.happened import cause_of, certainty_of
from recovery.kinds import CheckpointType
from recovery.models import Crash

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
_parts: Shared[LivePart] = Shared()


@require_safe
@page
def session(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Show one session; asked by its own page, only what is new."""
    form = SessionPartForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The page says that it shows something that it cannot show.")
    if request.htmx:
        return _part(request, session_id, form.cleaned_data)
    detection.look()
    overview = _overview(request, seen_session(request, session_id))
    return render(request, "processing/session.html", {"overview": overview})


def _part(request: HtmxRequest, session_id: UUID, asked: dict[str, str]) -> HttpResponse:
    """Give what is new to a page that asks every 2 s; all pages that show the session share one look at it.

    test: test_part_is_made_once_for_all_who_look_within_a_moment.
    """
    seen = glimpsed_session(request, session_id)
    may_operate = access.may_operate(request.user, seen)
    part = _parts.get((seen.pk, may_operate), lambda: _live_part(seen.pk, may_operate=may_operate))
    return part.answer(request, shown=asked["version"], said=asked["said"])


def _live_part(session_id: UUID, *, may_operate: bool) -> LivePart:
    detection.look()
    found = get_object_or_404(ProcessingSession.objects.select_related("owner"), pk=session_id)
    return LivePart(overview_of(found, _crash_of(found), lately_of(found), may_operate=may_operate))


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
    found = operated_session(request, session_id, Action.CANCEL)
    overview = _overview(request, found)
    return render(request, "processing/cancel.html", {"overview": overview, "form": StepForm()})


@require_POST
@page
def checkpoint(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Take a checkpoint now, which is kept for ever."""
    found = operated_session(request, session_id, Action.CHECKPOINT)
    form = NoteForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The note of a checkpoint is a line of at most 200 characters.")
    try:
        made = checkpoint_acts.take(
            found, CheckpointType.MANUAL, note=form.cleaned_data["note"], **person_of(request)
        )
    except StepRefused as error:
        context = {"overview": _overview(request, found), "refusal": str(error)}
        return render(request, "processing/session.html", context, status=409)
    told = _("Checkpoint taken at {count} photos. It is kept until you unpin it.")
    messages.success(request, told.format(count=wording.grouped(made.processed_count)))
    return redirect(form.cleaned_data["place"] or "session", session_id=found.pk)


def _take_step(request: HtmxRequest, session_id: UUID, step: str) -> HttpResponse:
    """Take one step of the model; a state that does not allow it answers 409 with the sentence."""
    found = operated_session(request, session_id, Action(step))
    form = StepForm(request.POST)
    if not form.is_valid():
        context = {"overview": _overview(request, found), "form": form}
        return render(request, "processing/cancel.html", context, status=400)
    why = form.cleaned_data["why"]
    person = person_of(request)
    steps: dict[str, Callable[[], None]] = {
        "pause": lambda: acts.pause(found, why=why, **person),
        "resume": lambda: acts.resume(found, **person),
        "cancel": lambda: acts.cancel(found, why=why, **person),
    }
    try:
        steps[step]()
    except StepRefused as error:
        context = {"overview": _overview(request, found), "refusal": str(error)}
        return render(request, "processing/session.html", context, status=409)
    logger.info("session step taken", extra={"session": str(found.pk), "step": step, "user": request.user.pk})
    return redirect("session", session_id=found.pk)


def _overview(request: HtmxRequest, session: ProcessingSession) -> Overview:
    may_operate = access.may_operate(request.user, session)
    return overview_of(session, _crash_of(session), lately_of(session), may_operate=may_operate)


def _crash_of(session: ProcessingSession) -> CrashLine | None:
    crash = detection.last_crash_of(session)
    return _line_of(crash) if crash else None


def _line_of(crash: Crash) -> CrashLine:
    return CrashLine(
        cause=cause_of(crash),
        certainty=certainty_of(crash),
        evidence=crash.evidence,
        photo=crash.photo,
        discarded_count=crash.discarded_count,
        detected_at=crash.detected_at,
    )
