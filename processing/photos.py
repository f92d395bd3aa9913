"""One photo between the file and its row: reading, and turning what was measured into a result."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processing.analysis.decode import Limits
from processing.analysis.records import Measured
from processing.analysis.verdict import Reason, judge
from processing.models import Batch, ImageResult
from processing.models.batch import Photo
from processing.sources import FileTooBig, Folder, NotRegular, path_text
from processing.states import Verdict

# What is wrong with this one file, not with the disk, the network or this process (facts: OSError has two meanings).
FILE_ERRORS = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENXIO,
}
LIMITS = Limits()
UNREADABLE = Reason("unreadable", None, None)


@dataclass(frozen=True, slots=True)
class Reading:
    """A photo's bytes as they were read once, or why there are none."""

    photo: Photo
    data: bytes | None
    size_bytes: int
    mtime_ns: int
    verdict: Verdict = Verdict.UNREADABLE
    reason: Reason = UNREADABLE
    note: str = ""


def read_photo(folder: Folder, photo: Photo) -> Reading:
    """Read one photo. An error of the environment (disk, network, this process) is raised, never a verdict."""
    try:
        content = folder.read(photo.path, bytes_max=LIMITS.bytes_max)
    except FileTooBig as error:
        reason = Reason("file_too_big", float(error.size_bytes), float(LIMITS.bytes_max))
        return Reading(photo, None, error.size_bytes, photo.mtime_ns, Verdict.REJECTED, reason)
    except NotRegular:
        return _refused(photo, "It is no regular file any more.")
    except OSError as error:
        if error.errno not in FILE_ERRORS:
            raise
        return _refused(photo, f"The file could not be opened: {error.strerror}.")
    return Reading(photo, content.data, content.size_bytes, content.mtime_ns)


def _refused(photo: Photo, note: str) -> Reading:
    return Reading(photo, None, photo.size_bytes, photo.mtime_ns, note=note)


def judge_photos(
    batch: Batch, rules: Mapping[str, Any], readings: Sequence[Reading], measured: Sequence[Measured]
) -> list[ImageResult]:
    """Make the rows of some photos; `measured` has one entry per reading with data, in order."""
    remaining = iter(measured)
    return [
        _refused_row(batch, reading) if reading.data is None else _row(batch, rules, reading, next(remaining))
        for reading in readings
    ]


def _row(batch: Batch, rules: Mapping[str, Any], reading: Reading, measured: Measured) -> ImageResult:
    judgement = judge(measured, rules)
    row = _blank_row(batch, reading, Verdict(judgement.verdict), judgement.reasons)
    row.sha256 = measured.sha256
    row.measures = dict(measured.measures)
    row.fingerprint = measured.fingerprint
    if measured.facts is not None:
        row.width_px, row.height_px = measured.facts.width_px, measured.facts.height_px
    if measured.refusal is not None:
        row.note = measured.refusal.text
    return row


def _refused_row(batch: Batch, reading: Reading) -> ImageResult:
    row = _blank_row(batch, reading, reading.verdict, (reading.reason,))
    row.note = reading.note
    return row


def _blank_row(batch: Batch, reading: Reading, verdict: Verdict, reasons: Sequence[Reason]) -> ImageResult:
    return ImageResult(
        session_id=batch.session_id,
        batch=batch,
        position=reading.photo.position,
        path=reading.photo.path,
        path_text=path_text(reading.photo.path),
        size_bytes=reading.size_bytes,
        mtime_ns=reading.mtime_ns,
        verdict=verdict,
        decision=verdict,
        reasons=[{"code": r.code, "measured": r.measured, "limit": r.limit} for r in reasons],
        lease=batch.lease,
        attempt=batch.attempt,
    )
