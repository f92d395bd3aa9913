"""Sources for rows that tests make without a scan: files of the listed sizes and instants, without photos in them."""

import os
from pathlib import Path

from processing.models import Batch, ProcessingSession
from processing.states import BatchKind


def lay_out(session: ProcessingSession, folder: Path) -> Path:
    """Put the files of a session's manifests into a folder, and make it the session's source."""
    folder.mkdir(parents=True, exist_ok=True)
    for batch in Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("number"):
        for photo in batch.photos():
            lay(folder / os.fsdecode(photo.path), photo.size_bytes, photo.mtime_ns)
    path = os.fsencode(folder)
    ProcessingSession.objects.filter(pk=session.pk).update(source=str(folder), source_path=path)
    session.refresh_from_db()
    return folder


def lay(path: Path, size_bytes: int, mtime_ns: int) -> None:
    """Make a file of a size and an instant of change; no byte of it is stored."""
    path.touch()
    os.truncate(path, size_bytes)
    os.utime(path, ns=(mtime_ns, mtime_ns))
