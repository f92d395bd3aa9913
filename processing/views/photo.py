"""One photo."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def photo(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    """One photo."""
    return render(
        request, "processing/photo.html", {"session": seen_session(request, session_id), "position": position}
    )
