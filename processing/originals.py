"""The photo itself, opened at its source for a browser, as long as it is the one that was judged."""

import os
from dataclasses import dataclass
from typing import BinaryIO

from processing.models import ImageResult
from processing.pictures import deserves_pictures
from processing.scan import folder_of
from processing.sources import NotRegular, SourceGone

HEAD_BYTES = 32
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
AVIF_BRANDS = (b"avif", b"avis")


@dataclass(frozen=True, slots=True)
class Original:
    """An open photo, at its beginning, of a type that browsers show; whoever has it closes it."""

    file: BinaryIO
    content_type: str


def open_original(result: ImageResult) -> Original | None:
    """Open a judged photo as the worker does; None when it is gone, has changed, or no browser shows it."""
    if not deserves_pictures(result):
        return None
    try:
        fd, status = folder_of(result.session).open(bytes(result.path))
    except (NotRegular, SourceGone, OSError):
        return None
    file = os.fdopen(fd, "rb")
    is_the_same = (status.st_size, status.st_mtime_ns) == (result.size_bytes, result.mtime_ns)
    content_type = content_type_of(file.read(HEAD_BYTES)) if is_the_same else None
    if content_type is None:
        file.close()
        return None
    file.seek(0)
    return Original(file, content_type)


def is_shown(result: ImageResult) -> bool:
    """Say whether a browser would be sent the photo itself, so that no page asks for one that is not there."""
    original = open_original(result)
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
