"""The flight recorder says what a process was doing, and its lock says whether it lives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import recorder
from processing.recorder import RECORD_BYTES, FlightRecorder

HOLDER = """
import sys, django
django.setup()
from processing.recorder import FlightRecorder
one = FlightRecorder()
one.note(phase="analyze", batch=7, lease=3, positions=[4], uncommitted=[1, 2])
print(one.token, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path


def test_flight_is_read_back_when_noted() -> None:
    one = FlightRecorder()

    one.note(phase="analyze", batch=7, lease=3, positions=[4, 5], photo="a.jpg", alone=True)

    flight = recorder.read_flight(one.token)
    assert (flight.phase, flight.batch, flight.lease, flight.positions) == ("analyze", 7, 3, (4, 5))
    assert (flight.photo, flight.alone, flight.uncommitted) == ("a.jpg", True, ())


def test_record_stays_readable_when_the_facts_are_too_long() -> None:
    one = FlightRecorder()

    one.note(photo="x" * 10_000, last_error="y" * 10_000, positions=list(range(10_000)), batch=1)

    assert recorder.path_of(one.token).stat().st_size == RECORD_BYTES
    flight = recorder.read_flight(one.token)
    assert (flight.batch, flight.positions[:3]) == (1, (0, 1, 2))


def test_lock_is_held_when_the_process_lives_and_free_when_it_was_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "STOCKPROOF_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    token = holder.stdout.readline().strip()
    alive = recorder.lock_is_free(token)

    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    assert (alive, recorder.lock_is_free(token)) == (False, True)
    assert recorder.read_flight(token).uncommitted == (1, 2)


def test_missing_file_proves_nothing() -> None:
    assert recorder.lock_is_free("nobody") is None
    assert recorder.read_flight("nobody").positions == ()


def test_torn_record_is_read_as_no_words(tmp_path: Path) -> None:
    recorder.folder().mkdir()
    recorder.path_of("torn").write_bytes(b'{"phase": "anal')

    assert recorder.read_flight("torn").phase == ""


def test_closing_takes_the_file_away() -> None:
    one = FlightRecorder()

    one.close()

    assert not recorder.path_of(one.token).exists()
