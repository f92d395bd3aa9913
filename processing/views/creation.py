"""A new session: a folder, what is in it, the rules, and the start."""

import logging

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from processing import access
from processing.counting import CountLost
from processing.forms import LookForm, NewSessionForm
from processing.sources import SourceOutside, SourceRefused
from processing.starting import (
    AnotherUnfinished,
    CountPanel,
    count_on,
    preset_choices,
    readable_roots,
    rules_named,
)
from processing.views.guard import HtmxRequest, note_outside, page, person_of, refuse, user_of
from recovery import acts
from recovery.audit import Action

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def new_session(request: HtmxRequest) -> HttpResponse:
    """Ask what is to be proofed; count what is there; begin."""
    if not access.may_operate(request.user):
        why = _("Your role may look at sessions, but not begin one.")
        if request.method == "POST":
            refuse(request, Action.SESSION, why)
        raise access.NotAllowed(why)
    if request.method != "POST":
        return _ask(request, NewSessionForm(user=request.user))
    if "look" in request.POST or "kept" in request.POST:
        return _count(request)
    form = NewSessionForm(request.POST, user=request.user)
    if not form.is_valid():
        note_outside(request, form)
        return _ask(request, form, status=400)
    alone_of = None if form.cleaned_data["beside"] else user_of(request)
    try:
        session = acts.begin(form.columns, alone_of=alone_of, **person_of(request))
    except AnotherUnfinished:
        # Read again, it says so beside the box.
        again = NewSessionForm(request.POST, user=request.user)
        again.full_clean()
        return _ask(request, again, status=409)
    logger.info("session begun", extra={"session": str(session.pk), "user": request.user.pk})
    return redirect("session", session_id=session.pk)


def _count(request: HtmxRequest) -> HttpResponse:
    """Count a little; as a part for the page that asks again, or as the whole page."""
    panel = _panel(request, LookForm(request.POST))
    if request.htmx:
        preset = request.POST.get("preset", "")
        return render(request, "processing/_count.html", {"panel": panel, "preset": preset})
    form = NewSessionForm(user=request.user, initial=request.POST.dict())
    return _ask(request, form, panel)


def _panel(request: HtmxRequest, form: LookForm) -> CountPanel:
    if not form.is_valid():
        return CountPanel(trouble=" ".join(str(error) for errors in form.errors.values() for error in errors))
    try:
        return count_on(form.count(), rules_named(form.cleaned_data["preset"]))
    except SourceOutside as error:
        acts.note_outside(form.cleaned_data["source"], **person_of(request))
        return CountPanel(trouble=str(error))
    except (SourceRefused, CountLost) as error:
        return CountPanel(trouble=str(error))


def _ask(
    request: HtmxRequest, form: NewSessionForm, panel: CountPanel | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "panel": panel or CountPanel(),
        "presets": preset_choices(),
        "preset": form["preset"].value(),
        "roots": readable_roots(),
    }
    return render(request, "processing/creation.html", context, status=status)
