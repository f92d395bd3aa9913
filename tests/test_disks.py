"""A full disk is said before it is full: once when it gets low, once when it has room again."""

import logging
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import disks
from processing.disks import DiskWatch, Room

pytestmark = pytest.mark.django_db


def test_rooms_are_those_of_the_state_folder_and_of_a_database_that_is_a_file(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STOCKPROOF_VAR = tmp_path

    found = {room.name: room.folder for room in disks.rooms()}

    assert found.pop("state") == tmp_path
    assert set(found) <= {"database"}


def test_room_is_low_when_its_folder_is_gone(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "gone"

    assert "state" in [room.name for room in disks.low_rooms()]
    assert not Room("state", tmp_path, disks.FREE_BYTES_MIN).is_low


def test_watch_logs_once_that_a_disk_gets_full_and_once_that_it_has_room(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "later"
    watch = DiskWatch()

    with caplog.at_level(logging.WARNING, "processing.disks"):
        watch()
        watch()
        settings.STOCKPROOF_VAR.mkdir()
        watch()

    about_state = [record.message for record in caplog.records if record.what == "state"]
    assert about_state == ["disk is getting full", "disk has room again"]
