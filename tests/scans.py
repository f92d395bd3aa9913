"""Scans that tests start, stop, kill and compare."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from processing import scan
from processing.models import Batch, ProcessingSession, SkippedEntry
from processing.scan import run_scan
from processing.states import BatchKind, BatchStatus
from tests.factories import make_worker, no_seal


class Killed(BaseException):
    """Ends a scan as a kill does: nothing catches it."""


def start_session(source: Path, **columns: Any) -> ProcessingSession:
    """Start a session over a folder, with batches of three."""
    defaults = {"preset": {"formats": ["JPEG"]}, "preset_name": "Adobe Stock", "name": "Holiday"}
    sizes = {"batch_size": 3, "checkpoint_interval": 2}
    return ProcessingSession.start(
        source=str(source), source_path=os.fsencode(source), **(defaults | sizes | columns)
    )


def take_scan(session: ProcessingSession) -> Batch:
    """Claim the scan of a session for a new worker."""
    batch = Batch.objects.claim(session.pk, make_worker(parent=make_worker()))
    assert batch is not None
    assert batch.kind == BatchKind.SCAN
    return batch


def scan_whole(source: Path) -> ProcessingSession:
    """Scan a folder without a disturbance, for comparison."""
    session = start_session(source)
    run_scan(take_scan(session), keep_going=always, seal=no_seal)
    return session


def always() -> bool:
    """Let a scan go on."""
    return True


def stop_at_look(number: int, stop: Callable[[], bool]) -> Callable[[], bool]:
    """Answer that the scan may go on, but the time of this number, counted from 1."""
    looks = count(1)
    return lambda: stop() if next(looks) == number else True


def kill() -> bool:
    """End the scan as a kill does."""
    raise Killed


def take_away(batch: Batch) -> bool:
    """Take the lease away, as burying does."""
    Batch.objects.get(pk=batch.pk).take_away()
    return True


def release(batch: Batch) -> bool:
    """Give the lease back behind the scan's back, as a lane does with leftovers."""
    Batch.objects.get(pk=batch.pk).release()
    return True


def take_over(batch: Batch) -> bool:
    """Take the lease away and give it to another worker."""
    take_away(batch)
    take_scan(batch.session)
    return True


def stored_photos(session: ProcessingSession) -> list[tuple[Any, ...]]:
    """Everything that a batch of photos is, but its key."""
    batches = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("number")
    columns = ("number", "first_position", "photos_count", "manifest", "status", "lease", "processed")
    return list(batches.values_list(*columns))


def stored_skips(session: ProcessingSession) -> list[tuple[bytes, str, str]]:
    """Give what was left out, in the order of storing."""
    entries = SkippedEntry.objects.filter(session=session).order_by("pk")
    return [(bytes(entry.path), entry.path_text, entry.reason) for entry in entries]


def stored_state(session: ProcessingSession) -> tuple[Any, ...]:
    """Give all that a scan writes."""
    session.refresh_from_db()
    counters = (session.found_count, session.total, session.skipped_count, session.doomed_counts)
    return stored_photos(session), stored_skips(session), counters, session.stage


def look_always(monkeypatch: pytest.MonkeyPatch, page_entries: int) -> None:
    """Let the scan ask after each entry, and make its pages small."""
    monkeypatch.setattr(scan, "LOOK_S", 0.0)
    monkeypatch.setattr(scan, "PAGE_ENTRIES_MAX", page_entries)


def is_scanning(session: ProcessingSession) -> bool:
    """Say whether the scan's batch has work left."""
    scans = Batch.objects.filter(session=session, kind=BatchKind.SCAN)
    return scans.exclude(status=BatchStatus.DONE).exists()
