"""Flight recorders that a kill left behind: taken away at a parent's start, but never as evidence or of the living."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import recorder
from processing.worker import drop_orphaned_recorders
from tests.factories import make_worker

pytestmark = pytest.mark.django_db

LOCKED, EVIDENCE, BURIED, ORPHAN = "locked", "evidence", "buried", "orphan"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Four recorders, one of a process that lives and has no row yet."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    recorder.folder().mkdir(parents=True)
    for token in (LOCKED, EVIDENCE, BURIED, ORPHAN):
        recorder.path_of(token).touch()
    descriptor = os.open(recorder.path_of(LOCKED), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield recorder.folder()
    os.close(descriptor)


def test_recorder_without_a_living_row_is_taken_away_once_its_process_is_dead(folder: Path) -> None:
    make_worker(token=EVIDENCE)
    make_worker(token=BURIED).end()

    drop_orphaned_recorders()

    assert sorted(path.stem for path in folder.iterdir()) == [EVIDENCE, LOCKED]


def test_nothing_is_dropped_where_no_recorder_was_ever_made(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"

    drop_orphaned_recorders()

    assert not (tmp_path / "var").exists()
