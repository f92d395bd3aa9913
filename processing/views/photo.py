"""One photo."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from processing.gallery import Place
from processing.models import ProcessingSession
from processing.pictures import details_of
from processing.review import live_row, review_of
from processing.views.guard import HtmxRequest, page, seen_session
from processing.views.results import FRESH, Answer, done_of, place_of, why_not
from processing.views.verdict_forms import POSITION_MAX, PlaceForm


@require_safe
@page
def photo(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    """Show one photo with its reasons, and its neighbors among those that match the filter."""
    form = PlaceForm(request.GET)
    if not form.is_valid():
        raise BadRequest(_("There is no such filter, or no such place in the list."))
    session = seen_session(request, session_id)
    return render_photo(request, session, position, place_of(form.cleaned_data))


def render_photo(
    request: HtmxRequest,
    session: ProcessingSession,
    position: int,
    place: Place,
    answer: Answer = FRESH,
) -> HttpResponse:
    """Render one photo's page, with what was just done or why nothing was; a photo without result has a page too."""
    row = live_row(session, position) if position <= POSITION_MAX else None
    context = {"session": session, "place": place, "answer": answer}
    if row is None:
        context["number"] = position + 1
        context["is_listed"] = position < session.found_count
        return render(request, "processing/photo_missing.html", context, status=404)
    review = review_of(session, row, place, request.user.get_username(), details_of(row))
    context |= {
        "review": review,
        "done": done_of(session, place.act),
        "why_not": why_not(request, session, review.refusal),
    }
    return render(request, "processing/photo.html", context, status=answer.status)
