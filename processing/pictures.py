"""The pictures that people look at: files beside the database that can be made again from the photos at any time.

Under pictures/SESSION/AB/, keyed by the photo's content (its SHA-256 begins with AB), so that no recovery and no undo
has anything to do here. The thumbnail is written last: where it is, the other files of its photo are too.
"""

import json
import logging
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from processing.analysis.records import Facts
from processing.descriptors import PHOTO_FLAGS
from processing.models import ImageResult, ProcessingSession

if TYPE_CHECKING:
    # Slow imports, that only who makes pictures needs.
    from processing.analysis.pictures import Pictures

logger = logging.getLogger(__name__)

THUMBNAIL, DETAILS = "thumbnail.jpg", "details.json"
SESSIONS_PER_READ = 500
SHA256 = re.compile(r"[0-9a-f]{64}")
CODE = re.compile(r"[a-z_]{1,40}")
SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}:\d{2}:\d{2})")
FILE_BYTES_MAX = 4_000_000
# Pictures leave this much of the disk to what cannot be made again, or a twentieth of a small disk.
SPARE_BYTES = 100_000_000
SPARE_PART = 20


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a photo beside its row: places (x, y) and boxes (x, y, width, height) are upright pixels.

    `spots` and `crops` by reason code, `facts` by name, `histogram` 64 counts for each of red, green and blue.
    """

    spots: dict[str, tuple[int, int]]
    crops: dict[str, tuple[int, int, int, int]]
    facts: dict[str, str | int | float]
    histogram: dict[str, list[int]]


def deserves_pictures(result: ImageResult) -> bool:
    """Whether there were pixels of which pictures can be made."""
    return result.width_px is not None and SHA256.fullmatch(result.sha256) is not None


def has_thumbnail(result: ImageResult) -> bool:
    """Say whether a photo's pictures are there. A power cut leaves files without bytes, which do not count."""
    if not SHA256.fullmatch(result.sha256):
        return False
    try:
        return _path(result, THUMBNAIL).stat().st_size > 0
    except OSError:
        return False


def read_thumbnail(result: ImageResult) -> bytes | None:
    """Give a photo's thumbnail as JPEG; None when there is none."""
    return _read(result, THUMBNAIL)


def read_crop(result: ImageResult, code: str) -> bytes | None:
    """Give the place that shows a reason best at 100 %, as JPEG; None when there is none."""
    return _read(result, _crop_name(code)) if CODE.fullmatch(code) else None


def details_of(result: ImageResult) -> Details | None:
    """Give what is known of a photo beside its row; None when nothing was kept, or nothing that can be read."""
    data = _read(result, DETAILS)
    try:
        return None if data is None else _as_details(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError):
        logger.warning("details of a photo cannot be read", extra={"sha256": result.sha256})
        return None


def keep_pictures(result: ImageResult, pictures: "Pictures", facts: Facts) -> None:
    """Write a photo's pictures, over those that are there, with a crop of each reason of its row that has a place.

    Raises OSError when they cannot be written; each file is there whole or not at all.
    """
    crops = pictures.encode_crops([str(reason["code"]) for reason in result.reasons])
    details = {
        "spots": {code: crop.spot for code, crop in crops.items()},
        "crops": {code: crop.box for code, crop in crops.items()},
        "facts": _published(facts),
        "histogram": pictures.histogram,
    }
    _path(result, THUMBNAIL).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for code, crop in crops.items():
        _write(_path(result, _crop_name(code)), crop.data)
    _write(_path(result, DETAILS), json.dumps(details, sort_keys=True).encode())
    _write(_path(result, THUMBNAIL), pictures.thumbnail)


def try_to_keep_pictures(result: ImageResult, pictures: "Pictures", facts: Facts) -> Exception | None:
    """Write a photo's pictures as `keep_pictures` does; gives why not: its verdict is worth more than they are.

    test: test_full_disk_of_pictures_costs_no_verdict.
    """
    try:
        keep_pictures(result, pictures, facts)
    except (OSError, MemoryError) as error:
        return error
    return None


def remove_session(session_id: UUID) -> None:
    """Remove all pictures of a session. Raises OSError when the file system does not allow it."""
    folder = _folder(session_id)
    if folder.exists():
        shutil.rmtree(folder)


def session_ids() -> set[UUID]:
    """Give the sessions that pictures are kept of, those that are gone among them."""
    folder = Path(settings.STOCKPROOF_VAR) / "pictures"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return {UUID(name) for name in names if SESSION.fullmatch(name)}


def orphans() -> list[UUID]:
    """Name the sessions that this database does not know and whose pictures are there.

    Folders are read before rows: a session is there before its first picture, so a new one is never an orphan.
    """
    kept = sorted(session_ids())
    found: list[UUID] = []
    for first in range(0, len(kept), SESSIONS_PER_READ):
        page = kept[first : first + SESSIONS_PER_READ]
        there = set(ProcessingSession.objects.filter(pk__in=page).values_list("pk", flat=True))
        found += [session_id for session_id in page if session_id not in there]
    return found


def _folder(session_id: UUID) -> Path:
    return Path(settings.STOCKPROOF_VAR) / "pictures" / str(session_id)


def _path(result: ImageResult, name: str) -> Path:
    return _folder(result.session_id) / result.sha256[:2] / f"{result.sha256}.{name}"


def _crop_name(code: str) -> str:
    return f"{code}.jpg"


def _read(result: ImageResult, name: str) -> bytes | None:
    """Read one file; a row that somebody has changed leads nowhere else."""
    if not SHA256.fullmatch(result.sha256):
        return None
    try:
        fd = os.open(_path(result, name), PHOTO_FLAGS)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(FILE_BYTES_MAX) or None


def _write(path: Path, data: bytes) -> None:
    """Write aside and rename. Nothing is synced to the disk: what a power cut takes is made again."""
    _leave_spare(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _leave_spare(folder: Path) -> None:
    """Leave the last of the disk to verdicts. test: test_pictures_leave_the_last_of_the_disk_to_verdicts."""
    disk = shutil.disk_usage(folder)
    spare = min(SPARE_BYTES, disk.total // SPARE_PART)
    if disk.free < spare:
        raise OSError(ENOSPC, f"less than {spare} bytes are free, which are left to verdicts")


def _published(facts: Facts) -> dict[str, str | int | float]:
    """Name what a photo says of itself; what it does not say is left out."""
    exposure = facts.exposure
    told = {
        "camera": facts.camera,
        "lens": exposure.lens,
        "shutter_s": exposure.shutter_s,
        "aperture": exposure.aperture,
        "iso": exposure.iso,
        "focal_mm": exposure.focal_mm,
        "taken_at": _instant(facts.taken_at),
        "color_space": facts.color_space,
        "format": facts.format,
        "jpeg_quality": None if facts.quality is None else round(facts.quality),
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _instant(text: str) -> str:
    """Write the camera's own time, of no known zone, as people do; "" when it is none."""
    found = INSTANT.fullmatch(text)
    return "{}-{}-{} {}".format(*found.groups()) if found else ""


def _as_details(told: dict[str, Any]) -> Details:
    spots, crops, facts, histogram = (told[name].items() for name in ("spots", "crops", "facts", "histogram"))
    return Details(
        spots={str(code): (int(x), int(y)) for code, (x, y) in spots},
        crops={str(code): (int(x), int(y), int(w), int(h)) for code, (x, y, w, h) in crops},
        facts={str(name): value for name, value in facts if isinstance(value, str | int | float)},
        histogram={str(name): [int(count) for count in counts] for name, counts in histogram},
    )
