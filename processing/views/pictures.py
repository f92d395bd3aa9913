"""Thumbnails, crops and whole photos, to those who may see the session; browsers keep them for a while."""

from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from processing.models import ImageResult, ProcessingSession
from processing.models.result import ResultQuerySet
from processing.originals import Original, open_listed, open_original
from processing.pictures import read_crop, read_thumbnail
from processing.views.guard import HtmxRequest, picture_page, seen_session
from recovery.detection import last_crash_of
from recovery.last_photo import photo_in_work

KEPT_S = 300
# Whatever the bytes are taken for, nothing in them runs and nobody frames them.
PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


@require_safe
@picture_page
def thumbnail(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponseBase:
    """Send a photo's thumbnail."""
    result = _result(request, session_id, position)
    return _answer(request, result, "thumbnail", read_thumbnail(result))


@require_safe
@picture_page
def crop(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponseBase:
    """Send the place that shows a reason best, at 100 %."""
    result = _result(request, session_id, position)
    code = request.GET.get("reason", "")
    return _answer(request, result, f"crop-{code}", read_crop(result, code))


@require_safe
@picture_page
def picture(request: HtmxRequest, session_id: UUID, position: int) -> HttpResponseBase:
    """Send the photo itself from its source, if it is still the one that was judged and browsers can show it.

    Of photos without a verdict only the one that was in work at the last crash is sent, to those who decide on it.
    """
    session = seen_session(request, session_id)
    row = _live(session, position).first()
    original, name = _of_last_crash(session, position) if row is None else (open_original(row), row.sha256)
    if original is None:
        raise _missing(position)
    response = FileResponse(original.file, content_type=original.content_type)
    return _as_picture(request, response, f'"{name}-picture"')


def _of_last_crash(session: ProcessingSession, position: int) -> tuple[Original | None, str]:
    """Open the photo that was in work at the last crash, and name what it was when it was listed."""
    crash = last_crash_of(session)
    photo = photo_in_work(crash) if crash else None
    if photo is None or photo.position != position:
        return None, ""
    return open_listed(session, photo), f"{position}-{photo.size_bytes}-{photo.mtime_ns}"


def _result(request: HtmxRequest, session_id: UUID, position: int) -> ImageResult:
    return get_object_or_404(_live(seen_session(request, session_id), position))


def _live(session: ProcessingSession, position: int) -> ResultQuerySet:
    live = ImageResult.objects.live().select_related("session")
    return live.filter(session=session, position=position)


def _answer(request: HtmxRequest, result: ImageResult, kind: str, data: bytes | None) -> HttpResponseBase:
    if data is None:
        raise _missing(result.position)
    return _as_picture(request, HttpResponse(data, content_type="image/jpeg"), f'"{result.sha256}-{kind}"')


def _as_picture(request: HtmxRequest, response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """Let this person's browser keep a picture; one that it has already is not sent again."""
    known = get_conditional_response(request, etag=etag)
    if known is not None:
        response.close()
    answer = response if known is None else known
    answer.headers["ETag"] = etag
    answer.headers["Content-Security-Policy"] = PICTURE_POLICY
    patch_cache_control(answer, private=True, max_age=KEPT_S)
    return answer


def _missing(position: int) -> Http404:
    return Http404(_("There is no picture of photo {number}.").format(number=position))
