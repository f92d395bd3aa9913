"""Thumbnails, crops and whole photos, to those who may see the session."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page, seen_session


@require_safe
@page
def thumbnail(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    """Send a photo's thumbnail."""
    return _missing(request, session_id, position)


@require_safe
@page
def crop(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    """Send the worst spot at 100 %."""
    return _missing(request, session_id, position)


@require_safe
@page
def picture(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    """Send the photo itself."""
    return _missing(request, session_id, position)


def _missing(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponse:
    seen_session(request, session_id)
    raise Http404(_("There is no picture of photo {number}.").format(number=position))
