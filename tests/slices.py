"""A worker in this process: its presence, its writer, and the time slices that tests give it."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from processing import runner
from processing.analysis.pipeline import Pipeline
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.models.commit import Seal
from processing.photos import Reading
from processing.runner import Slice, run_slice
from processing.scan import run_scan
from processing.worker import Presence
from recovery import checkpoints
from tests.factories import make_worker, no_seal
from tests.photos import write_photo
from tests.scans import always, start_session, take_scan

WIDTH_PX, HEIGHT_PX = 320, 240


@contextmanager
def worker_slice(
    *, parent: Worker | None = None, group_size: int = 1, seal: Seal = checkpoints.take
) -> Iterator[Slice]:
    """Be a worker of a living parent; `group_size` photos go through the device at once."""
    presence = Presence()
    presence.register(parent=parent or make_worker())
    pipeline = Pipeline("cpu")
    pipeline.set_batch_size(group_size)
    with ThreadPoolExecutor(1, "decoder") as decoders, ThreadPoolExecutor(1, "writer") as writer:
        try:
            yield Slice(presence, lambda: pipeline, decoders, writer, seal, checkpoints.sound_alarm)
        finally:
            writer.submit(lambda: connection.close()).result()  # Its own thread's connection.
            presence.end()


def work_off(session: ProcessingSession, **columns: Any) -> None:
    """Give a session one slice of a new worker."""
    with worker_slice(**columns) as work:
        run_slice(session.pk, work)
    session.refresh_from_db()


def scanned_session(source: Path, **columns: Any) -> ProcessingSession:
    """Start a session and list its photos."""
    session = start_session(source, **columns)
    run_scan(take_scan(session), keep_going=always, seal=no_seal)
    session.refresh_from_db()
    return session


def write_photos(folder: Path, photos_count: int) -> Path:
    """Draw some small photos, each another picture."""
    folder.mkdir()
    for number in range(photos_count):
        write_photo(folder / f"{number:02d}.jpg", width=WIDTH_PX, height=HEIGHT_PX, seed=number)
    return folder


def live_rows(session: ProcessingSession, *columns: str) -> list[Any]:
    """Give columns of all live rows, in order of position."""
    rows = ImageResult.objects.live().filter(session=session).in_order()
    return list(rows.values_list(*columns, flat=len(columns) == 1))


def photo_batches(session: ProcessingSession, *columns: str) -> list[Any]:
    """Give columns of all batches of photos, in order."""
    batches = Batch.objects.filter(session=session, kind="photos").order_by("number")
    return list(batches.values_list(*columns, flat=len(columns) == 1))


def at_each_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], object]) -> None:
    """Do something with a photo's position before it is read."""
    read = runner.read_photo

    def read_after(folder: Any, photo: Any) -> Reading:
        act(photo.position)
        return read(folder, photo)

    monkeypatch.setattr(runner, "read_photo", read_after)


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, name: str, number: int, times: int = sys.maxsize) -> None:
    """Let the system answer the opening of one file with an error, so many times."""
    real_open, left = os.open, iter(range(times))

    def open_or_refuse(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if path == os.fsencode(name) and next(left, None) is not None:
            raise OSError(number, os.strerror(number), name)
        return real_open(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", open_or_refuse)
