"""The photos of a session: a page at a time, and how many have come since it was opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from processing import access, deeds
from processing.gallery import Place, count_matches, gallery_of
from processing.models import ProcessingSession
from processing.progress import WORKING
from processing.views.guard import HtmxRequest, page, seen_session
from processing.views.verdict_forms import PlaceForm


@dataclass(frozen=True, slots=True)
class Answer:
    """How a page answers an act that was not done: why, and what was typed and picked."""

    refusal: str = ""
    status: int = 200
    typed: str = ""
    picked: Sequence[int] = ()


FRESH = Answer()


@require_safe
@page
def results(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Show one page of photos; asked by its own page, how many have come since."""
    form = PlaceForm(request.GET)
    if not form.is_valid():
        raise BadRequest(_("There is no such filter, or no such place in the list."))
    session = seen_session(request, session_id)
    place = place_of(form.cleaned_data)
    if request.htmx:
        return _news(request, session, place, form.cleaned_data["seen"] or 0)
    return render_gallery(request, session, place)


def place_of(cleaned: dict[str, Any]) -> Place:
    """Read a place from a form that was found valid."""
    said = tuple(int(text) for text in cleaned["said"].split(".") if text)
    return Place(cleaned["verdict"], cleaned["reason"], cleaned["after"], said, cleaned["act"])


def render_gallery(
    request: HtmxRequest,
    session: ProcessingSession,
    place: Place,
    answer: Answer = FRESH,
) -> HttpResponse:
    """Render one page of photos, with what was just done or why nothing was."""
    gallery = gallery_of(session, place, request.user.get_username())
    context = {
        "gallery": gallery,
        "session": session,
        "place": place,
        "done": done_of(session, place.act),
        "answer": answer,
        "why_not": why_not(request, session, gallery.refusal),
    }
    return render(request, "processing/results.html", context, status=answer.status)


def done_of(session: ProcessingSession, name: str) -> deeds.Done | None:
    """Read what was just done; an old or foreign name says nothing."""
    try:
        return deeds.named(session, name) if name else None
    except deeds.DeedUnknown:
        return None


def why_not(request: HtmxRequest, session: ProcessingSession, refusal: str) -> str:
    """Say why this person cannot give verdicts here; empty when they can."""
    if not access.may_operate(request.user, session):
        return _("You may look at this session, but not change it.")
    return refusal


def _news(request: HtmxRequest, session: ProcessingSession, place: Place, seen: int) -> HttpResponse:
    count = count_matches(session.counts(), session.count_reasons(), place.filter).count
    if count <= seen and session.status in WORKING:
        return HttpResponse(status=204)
    context = {
        "session": session,
        "place": place,
        "seen": seen,
        "new": max(count - seen, 0),
        "lives": session.status in WORKING,
    }
    return render(request, "processing/_news.html", context)
