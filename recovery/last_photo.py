"""The photo that was in work when a session was interrupted: it mostly has no verdict, and then only its file shows it."""

from dataclasses import dataclass

from processing.models import Batch, ImageResult
from processing.models.batch import Photo
from processing.originals import is_listed_shown, is_shown
from processing.pictures import has_thumbnail
from processing.sources import path_text
from recovery.models import Crash

THUMBNAIL, PICTURE = "thumbnail", "picture"


@dataclass(frozen=True, slots=True)
class LastPhoto:
    """A photo in work; `shown_as` says which of its pictures can be sent, empty when there is only its name."""

    position: int
    shown_as: str


def last_photo_of(crash: Crash) -> LastPhoto | None:
    """Say how the photo that was in work can be shown; None when nothing leads to it. Looks at the source."""
    photo = photo_in_work(crash)
    if photo is None or crash.session is None:
        return None
    live = ImageResult.objects.live().select_related("session")
    row = live.filter(session=crash.session, position=photo.position).first()
    if row is not None and has_thumbnail(row):
        return LastPhoto(photo.position, THUMBNAIL)
    is_there = is_listed_shown(crash.session, photo) if row is None else is_shown(row)
    return LastPhoto(photo.position, PICTURE if is_there else "")


def photo_in_work(crash: Crash) -> Photo | None:
    """Find the photo in its batch; a crash that was written down without one leads to none."""
    number = crash.facts.get("batch")
    if not crash.photo or not isinstance(number, int):
        return None
    batch = Batch.objects.filter(session=crash.session_id, pk=number).first()
    photos = [] if batch is None else batch.photos()
    return next((photo for photo in photos if path_text(photo.path) == crash.photo), None)
