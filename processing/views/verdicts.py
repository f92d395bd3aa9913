"""A person's verdicts: on one photo, on those that were picked, on all that match; and taking them back."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from processing import deeds, gallery
from processing.gallery import Place
from processing.models import ProcessingSession, StepRefused
from processing.overriding import Choice, NoVerdictYet, Saying
from processing.views.guard import HtmxRequest, operated_session, page, person_of
from processing.views.photo import render_photo
from processing.views.results import Answer, place_of, render_gallery
from processing.views.verdict_forms import PICKS_MAX, WITHDRAWN, AllForm, PlaceForm, UndoForm, VerdictForm
from recovery import overrides
from recovery.audit import Action


@require_POST
@page
def give(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Put one photo, or those that were picked, under a person's verdict."""
    session = operated_session(request, session_id, Action.OVERRIDE)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        return _show_again(request, session, form, _first_error(form), 400)
    asked = form.cleaned_data
    person = person_of(request)
    verdict = "" if asked["say"] == WITHDRAWN else asked["say"]
    saying = Saying(verdict, person["actor"], asked["note"])
    try:
        act = overrides.say_to_some(session, asked["pick"], saying, address=person["address"])
    except (StepRefused, NoVerdictYet) as error:
        return _show_again(request, session, form, _refusal(session, error), 409)
    return _go_back(session, asked, deeds.Done(verdict, person["actor"], act))


@require_http_methods(["GET", "HEAD", "POST"])
@page
def give_to_all(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Ask whether all photos that match are meant, with their count; then put them under a person's verdict."""
    session = operated_session(request, session_id, Action.OVERRIDE)
    form = AllForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid() and (request.method != "POST" or set(form.errors) != {"note"}):
        raise BadRequest(_("There is no such filter, or no such verdict."))
    if not form.is_valid():
        return _ask(request, session, form, "", 400)
    if request.method != "POST":
        return _ask(request, session, form, "", 200)
    return _give_to_all(request, session, form)


def _give_to_all(request: HtmxRequest, session: ProcessingSession, form: AllForm) -> HttpResponse:
    asked, person = form.cleaned_data, person_of(request)
    refusal = gallery.refusal_of_all(session)
    if not refusal and asked["count"] != _count(session, place_of(asked)).count:
        refusal = _("The number has changed since you were asked. Look at it again.")
    if refusal:
        return _ask(request, session, form, refusal, 409)
    choice = Choice(asked["verdict"], asked["reason"])
    saying = Saying(asked["say"], person["actor"], asked["note"])
    try:
        act = overrides.say_to_all(session, choice, saying, address=person["address"])
    except StepRefused as error:
        return _ask(request, session, form, _refusal(session, error), 409)
    return _go_back(session, asked | {"pick": [], "page": ""}, deeds.Done(asked["say"], person["actor"], act))


@require_POST
@page
def take_back(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Take back what was just said, of one photo or of all."""
    session = operated_session(request, session_id, Action.OVERRIDE)
    form = UndoForm(request.POST)
    if not form.is_valid():
        return _show_again(request, session, form, _first_error(form), 400)
    asked, person = form.cleaned_data, person_of(request)
    try:
        deed = deeds.named(session, asked["act"]).deed
        act, kept = overrides.take_back(session, deed, person["actor"], address=person["address"])
    except deeds.DeedUnknown as error:
        return _show_again(request, session, form, str(error), 400)
    except StepRefused as error:
        return _show_again(request, session, form, _refusal(session, error), 409)
    return _go_back(session, asked, deeds.Done(deeds.UNDONE, person["actor"], act, kept))


def _show_again(
    request: HtmxRequest, session: ProcessingSession, form: PlaceForm, sentence: str, status: int
) -> HttpResponse:
    """Show the page on which somebody acted once more, with what was typed and why nothing was done."""
    asked = form.cleaned_data
    place = place_of({"verdict": "", "reason": "", "after": None, "said": "", "act": ""} | asked)
    picked = asked.get("pick") or []
    if asked.get("page") == "photo" and picked:
        answer = Answer(sentence, status, typed=request.POST.get("note", ""))
        return render_photo(request, session, picked[0], place, answer)
    return render_gallery(request, session, place, Answer(sentence, status, picked=picked))


def _go_back(session: ProcessingSession, asked: dict[str, Any], done: deeds.Done) -> HttpResponse:
    """Lead back to where somebody acted; the address names the act, so that the page can say and undo it."""
    picked = asked["pick"]
    before = place_of(asked)
    # The newest stay in their places, as many as a page may pick.
    said = tuple(dict.fromkeys([*before.said, *picked]))[-PICKS_MAX // 2 :]
    place = replace(before, said=said, act=deeds.name_of(session, done))
    if asked["page"] == "photo" and picked:
        path = reverse("session-photo", args=[session.pk, picked[0]])
        return HttpResponseRedirect(f"{path}?{replace(place, said=()).told}")
    anchor = f"#photo-{picked[0]}" if len(picked) == 1 else ""
    return HttpResponseRedirect(f"{reverse('session-results', args=[session.pk])}?{place.told}{anchor}")


def _ask(
    request: HtmxRequest, session: ProcessingSession, form: AllForm, refusal: str, status: int
) -> HttpResponse:
    asked = {"verdict": "", "reason": "", "after": None, "said": "", "act": ""} | form.cleaned_data
    place = replace(place_of(asked), said=(), act="")
    matches = _count(session, place)
    context = {
        "session": session,
        "place": place,
        "form": form,
        "verdict": asked["say"],
        "matches": matches,
        "words": gallery.all_words(asked["say"], matches).rstrip("…"),
        "answer": Answer(refusal, status),
        "why_not": gallery.refusal_of_all(session),
    }
    return render(request, "processing/verdict_all.html", context, status=status)


def _count(session: ProcessingSession, place: Place) -> gallery.Matches:
    return gallery.count_matches(session.counts(), session.count_reasons(), place.filter)


def _refusal(session: ProcessingSession, error: Exception) -> str:
    """Say in a photographer's words why nothing was done."""
    if isinstance(error, NoVerdictYet):
        number = error.position + 1
        return _("Photo {number} has no verdict yet, so nobody can overrule it. Nothing was changed.").format(
            number=number
        )
    session.refresh_from_db()
    return gallery.refusal_of(session) or str(error)


def _first_error(form: PlaceForm) -> str:
    """Take the first sentence that a form says."""
    names = {"note": _("Note"), "pick": "", "__all__": ""}
    name, errors = next(iter(form.errors.items()))
    known = names.get(name)
    if known is None:
        return _("What was sent is not a verdict on a photo of this page. Load the page again.")
    return f"{known}: {errors[0]}" if known else str(errors[0])
