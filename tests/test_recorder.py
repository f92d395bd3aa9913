"""The flight recorder says what a process was doing, and its lock says whether it lives."""

import errno
import faulthandler
import fcntl
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


def test_error_is_read_back_with_its_facts_until_it_is_overcome() -> None:
    one = FlightRecorder()

    one.note_error(OSError(errno.ENOSPC, "No space left on device"), phase="waiting")
    standing = recorder.read_flight(one.token)
    one.note_overcome()
    overcome = recorder.read_flight(one.token)

    facts = {"types": ["OSError"], "errno": errno.ENOSPC, "code": "", "fatal": False}
    assert (standing.phase, standing.last_error) == ("waiting", "[Errno 28] No space left on device")
    assert standing.error == facts | {"stands": True}
    assert (overcome.error, overcome.last_error) == (facts | {"stands": False}, standing.last_error)


def test_error_without_words_is_told_by_its_name() -> None:
    one = FlightRecorder()

    one.note_error(MemoryError(), is_fatal=True)

    flight = recorder.read_flight(one.token)
    assert (flight.last_error, flight.error["fatal"]) == ("MemoryError", True)


def test_overcoming_nothing_writes_no_error() -> None:
    one = FlightRecorder()

    one.note_overcome()

    assert recorder.read_flight(one.token).error == {}


def test_note_of_a_signal_stands_when_it_interrupts_another_note(monkeypatch: pytest.MonkeyPatch) -> None:
    one = FlightRecorder()
    write, interrupts = os.pwrite, [lambda: one.note(stop_signal=15)]

    def interrupted_write(descriptor: int, record: bytes, offset: int) -> int:
        if interrupts:
            interrupts.pop()()
        return write(descriptor, record, offset)

    monkeypatch.setattr(os, "pwrite", interrupted_write)
    one.note(phase="analyze")

    flight = recorder.read_flight(one.token)
    assert (flight.phase, flight.stop_signal) == ("analyze", 15)


def test_nothing_is_written_into_another_file_after_closing(tmp_path: Path) -> None:
    one = FlightRecorder()
    one.close()
    other = (tmp_path / "other").open("wb")

    one.note(phase="late")
    other.close()

    assert (tmp_path / "other").read_bytes() == b""


FAULTY = """
import os, sys, django
django.setup()
from processing.recorder import FlightRecorder
one = FlightRecorder()
one.catch_faults()
one.note(phase="analyze")
print(one.token, flush=True)
if sys.argv[1] == "abort":
    os.abort()
one.end_when_late(0.1)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("act", "exit_code", "first_line"),
    [("abort", -signal.SIGABRT, "Fatal Python error: Aborted"), ("late", 1, "Timeout (0:00:00.100000)!")],
)
def test_python_writes_behind_the_record_where_it_stood_at_its_end(
    tmp_path: Path, act: str, exit_code: int, first_line: str
) -> None:
    environment = {**os.environ, "STOCKPROOF_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}

    with subprocess.Popen([sys.executable, "-c", FAULTY, act], env=environment, text=True, **pipes) as faulty:
        token = faulty.stdout.readline().strip()
        ended_with = faulty.wait(60)

    dump = recorder.read_dump(token)
    assert (ended_with, recorder.read_flight(token).phase) == (exit_code, "analyze")
    assert dump.splitlines()[0] == first_line
    assert 'File "<string>"' in dump


def test_nothing_is_read_behind_a_record_where_python_wrote_nothing() -> None:
    one = FlightRecorder()

    assert (recorder.read_dump(one.token), recorder.read_dump("nobody")) == ("", "")


@pytest.mark.parametrize("was_replaced", [False, True])
def test_closing_a_recorder_lets_go_of_its_own_faults_only(*, was_replaced: bool) -> None:
    old = FlightRecorder()
    old.catch_faults()
    if was_replaced:
        FlightRecorder().catch_faults()

    old.close()

    is_caught = faulthandler.is_enabled()
    faulthandler.disable()
    assert is_caught is was_replaced


def test_stray_recorder_is_removed_when_its_process_has_ended_and_is_not_to_be_buried(
    tmp_path: Path,
) -> None:
    stray, dead = hold_and_end(tmp_path), hold_and_end(tmp_path)
    living = FlightRecorder()

    recorder.remove_strays(lambda tokens: set(tokens) - {stray})

    left = {path.stem for path in recorder.folder().iterdir()}
    assert left == {dead, living.token}


def test_recorder_is_made_anew_when_it_was_taken_for_a_stray_before_it_was_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    removed: list[str] = []
    lock = fcntl.flock

    def remove_then_lock(descriptor: int, how: int) -> None:
        if not removed:
            removed.extend(path.stem for path in recorder.folder().iterdir())
            recorder.remove(removed[0])
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", remove_then_lock)

    one = FlightRecorder()

    assert [path.stem for path in recorder.folder().iterdir()] == [one.token]
    assert removed not in ([], [one.token])


def hold_and_end(var: Path) -> str:
    """Let a process make a recorder and be killed; give its token."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "STOCKPROOF_VAR": str(var)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        process.kill()
    return token
