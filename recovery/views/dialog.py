"""What happened to a session, the ways back, what a recovery did and its undo; and the dialog that opens by itself."""

import logging
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from processing import access
from processing.models import ProcessingSession, StepRefused
from processing.overview import overview_of
from processing.views.guard import HtmxRequest, operated_session, page, person_of, seen_session
from recovery import detection
from recovery.aftermath import done_of, earlier_of, undoing_of
from recovery.audit import Action, ActRefused
from recovery.forms import LookForm, RecoverForm, UndoForm
from recovery.happened import Happened, happened_to
from recovery.last_photo import LastPhoto, last_photo_of
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from recovery.waiting import tell, waiting_for
from recovery.ways import ways_of

logger = logging.getLogger(__name__)

# Up to so many photos the source is looked at while the page is made; more of them get a part of its own.
LOOK_AT_ONCE_MAX = 5000
STILL_MAX = 5


@require_http_methods(["GET", "HEAD", "POST"])
@page
def recovery(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Show what happened and the ways back, or take one."""
    if request.method == "POST":
        return _recover(request, session_id)
    form = LookForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The page was asked for something that it does not have.")
    detection.look()
    found, asked = seen_session(request, session_id), form.cleaned_data
    if request.htmx and asked["part"]:
        return _part(request, found, asked)
    if asked["done"]:
        return _done(request, found, asked["done"])
    return _page(request, found, asked=asked)


@require_POST
@page
def dialog(request: HtmxRequest) -> HttpResponse:
    """Tell a person of the newest interruption, once."""
    crash = tell(request.user)
    if not request.htmx:
        return redirect("session-recovery", crash.session_id) if crash else redirect("sessions")
    if crash is None or crash.session is None:
        return HttpResponse(status=204)
    context = _deciding(request, crash.session) | {"looks_later": True, "is_dialog": True}
    return render(request, "recovery/_dialog.html", context)


@require_POST
@page
def undo(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Undo a recovery and all that stand on it, if the session is still in the state that was shown."""
    found = operated_session(request, session_id, Action.ROLLBACK)
    form = UndoForm(request.POST)
    if not form.is_valid():
        return _page(request, found, refusal=_first_error(form), status=400)
    number, person = form.cleaned_data["number"], person_of(request)
    shown = form.cleaned_data["attempt"]
    try:
        rollback_recovery(found, number, by=person["actor"], attempt=shown, address=person["address"])
    except (StepRefused, ActRefused) as error:
        found = seen_session(request, session_id)
        return _page(request, found, refusal=str(error), status=409)
    logger.info("recovery undone", extra={"session": str(found.pk), "number": number})
    return _see_other(found, undone=number)


def _recover(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    found = operated_session(request, session_id, Action.RECOVER)
    form = RecoverForm(request.POST)
    if not form.is_valid():
        asked = {"checkpoint": form.cleaned_data.get("checkpoint"), "look": True}
        return _page(request, found, asked=asked, form=form, status=400)
    checkpoint, person = _checkpoint(found, form.cleaned_data["checkpoint"]), person_of(request)
    option = form.cleaned_data["option"]
    try:
        recovered = execute_recovery(
            found,
            option,
            user_confirmed=form.cleaned_data["confirmed"],
            by=person["actor"],
            address=person["address"],
            state=form.cleaned_data["state"],
            checkpoint=checkpoint if option == "continue" else None,
        )
    except (StepRefused, ActRefused) as error:
        found = seen_session(request, session_id)
        still_there = checkpoint and Checkpoint.objects.filter(pk=checkpoint.pk).exists()
        asked = {"checkpoint": checkpoint.pk if checkpoint and still_there else None, "look": True}
        return _page(request, found, asked=asked, refusal=str(error), status=409)
    logger.info("session recovered", extra={"session": str(found.pk), "option": recovered.option})
    return _see_other(found, done=recovered.attempt)


def _see_other(session: ProcessingSession, **query: int) -> HttpResponse:
    """Lead to the page that says what was done, so that reloading does nothing again."""
    address = reverse("session-recovery", args=[session.pk], query=query)
    return HttpResponseRedirect(address, status=303)


def _page(
    request: HtmxRequest,
    session: ProcessingSession,
    *,
    asked: dict[str, Any] | None = None,
    form: RecoverForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show the ways back; `form` is one with an error, `refusal` why nothing was changed."""
    asked = asked or {}
    looks_later = session.found_count > LOOK_AT_ONCE_MAX and not asked.get("look")
    context = _deciding(request, session) | {
        "looks_later": looks_later,
        "overview": overview_of(session, None),
        "checkpoint": asked.get("checkpoint") or "",
        "form": form,
        "refusal": refusal,
        "undone": _undone(session, asked.get("undone")),
        "earlier": earlier_of(session),
    }
    if not looks_later:
        chosen = form["option"].value() if form is not None else None
        context["ways"] = ways_of(session, _checkpoint(session, asked.get("checkpoint")), chosen)
        context["last_photo"] = _last_photo(context["happened"])
        context["undoing"] = undoing_of(session)
    return render(request, "recovery/recovery.html", context, status=status)


def _deciding(request: HtmxRequest, session: ProcessingSession) -> dict[str, Any]:
    """Give what page and dialog share."""
    others = waiting_for(request.user).exclude(pk=session.pk).exists()
    return {
        "session": session,
        "happened": happened_to(session),
        "may_operate": access.may_operate(request.user, session),
        "has_others": others,
    }


def _part(request: HtmxRequest, session: ProcessingSession, asked: dict[str, Any]) -> HttpResponse:
    """Give one part of the page: the ways back, the undo, or how a recovered session goes on."""
    if asked["part"] == "now":
        overview = overview_of(session, None)
        if overview.version == asked["version"]:
            return HttpResponse(status=204)
        return render(request, "recovery/_now.html", {"overview": overview, "done_number": asked["done"]})
    context = _deciding(request, session)
    if asked["part"] == "undo":
        return _undo_part(request, session, asked["done"], context)
    context |= {
        "ways": ways_of(session, _checkpoint(session, asked["checkpoint"])),
        "last_photo": _last_photo(context["happened"]),
        "is_part": True,
    }
    return render(request, "recovery/_ways.html", context)


def _undo_part(
    request: HtmxRequest, session: ProcessingSession, number: int | None, context: dict[str, Any]
) -> HttpResponse:
    """Say what an undo does, of a recovery or of the newest; the page of what was done has its button elsewhere."""
    undoing = undoing_of(session, _attempt(session, number) if number else None)
    if undoing is None:
        return HttpResponse()
    return render(request, "recovery/_undo.html", context | {"undoing": undoing, "has_button": not number})


def _attempt(session: ProcessingSession, number: int) -> RecoveryAttempt:
    return get_object_or_404(RecoveryAttempt, session=session, number=number)


def _done(request: HtmxRequest, session: ProcessingSession, number: int) -> HttpResponse:
    attempt = _attempt(session, number)
    looks_later = session.found_count > LOOK_AT_ONCE_MAX
    context = {
        "session": session,
        "overview": overview_of(session, None),
        "done": done_of(attempt),
        "done_number": number,
        "may_operate": access.may_operate(request.user, session),
        "looks_later": looks_later,
        "undoing": None if looks_later else undoing_of(session, attempt),
        "earlier": earlier_of(session),
        "still": waiting_for(request.user).exclude(pk=session.pk)[:STILL_MAX],
    }
    return render(request, "recovery/done.html", context)


def _last_photo(happened: Happened) -> LastPhoto | None:
    """Give what shows the photo that was in work: its file may lie on a disk that is slow or gone, as the look does."""
    return last_photo_of(happened.crash) if happened.crash else None


def _undone(session: ProcessingSession, number: int | None) -> RecoveryAttempt | None:
    if not number:
        return None
    return RecoveryAttempt.objects.filter(session=session, number=number).exclude(undone_at=None).first()


def _checkpoint(session: ProcessingSession, checkpoint_id: UUID | None) -> Checkpoint | None:
    if not checkpoint_id:
        return None
    return get_object_or_404(Checkpoint, session=session, pk=checkpoint_id)


def _first_error(form: UndoForm) -> str:
    return next(str(errors[0]) for errors in form.errors.values())
