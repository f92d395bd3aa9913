"""The photo itself, opened at its source for a browser, as long as it is the one that was listed and judged."""

import os
from dataclasses import dataclass
from typing import BinaryIO

from processing.models import ImageResult, ProcessingSession
from processing.models.batch import Photo
from processing.pictures import deserves_pictures
from processing.scan import folder_of
from processing.sources import NotRegular, SourceGone

HEAD_BYTES = 32
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
AVIF_BRANDS = (b"avif", b"avis")
# A photo without a verdict is sent to be seen small, beside what is asked; a 60-megapixel JPEG has 30 MB.
LISTED_BYTES_MAX = 40_000_000


@dataclass(frozen=True, slots=True)
class Original:
    """An open photo, at its beginning, of a type that browsers show; whoever has it closes it."""

    file: BinaryIO
    content_type: str


def open_original(result: ImageResult) -> Original | None:
    """Open a judged photo as the worker does; None when it is gone, has changed, or no browser shows it."""
    return _open(result.session, result) if deserves_pictures(result) else None


def open_listed(session: ProcessingSession, photo: Photo) -> Original | None:
    """Open a photo that has no verdict yet; None also when it is too large to be sent for a small picture."""
    return _open(session, photo) if photo.size_bytes <= LISTED_BYTES_MAX else None


def _open(session: ProcessingSession, photo: ImageResult | Photo) -> Original | None:
    try:
        fd, status = folder_of(session).open(bytes(photo.path))
    except (NotRegular, SourceGone, OSError):
        return None
    file = os.fdopen(fd, "rb")
    is_the_same = (status.st_size, status.st_mtime_ns) == (photo.size_bytes, photo.mtime_ns)
    content_type = content_type_of(file.read(HEAD_BYTES)) if is_the_same else None
    if content_type is None:
        file.close()
        return None
    file.seek(0)
    return Original(file, content_type)


def is_shown(result: ImageResult) -> bool:
    """Say whether a browser would be sent the photo itself, so that no page asks for one that is not there."""
    return _is_sent(open_original(result))


def is_listed_shown(session: ProcessingSession, photo: Photo) -> bool:
    """Say the same of a photo that has no verdict yet."""
    return _is_sent(open_listed(session, photo))


def _is_sent(original: Original | None) -> bool:
    if original is None:
        return False
    original.file.close()
    return True


def content_type_of(head: bytes) -> str | None:
    """Say by its first bytes as which picture a file may be sent; None when no browser shows it."""
    if head.startswith(JPEG):
        return "image/jpeg"
    if head.startswith(PNG):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if head[4:8] == b"ftyp" and head[8:12] in AVIF_BRANDS else None
