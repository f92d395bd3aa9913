"""The flight recorder: a small locked file that outlives its process and says what it was doing.

The kernel releases the lock however the process ends, so a free lock proves death on the same host;
a frozen process keeps it. The file is written by pwrite, so its last words survive SIGKILL. Behind the
record Python itself writes where each thread stood when a signal like SIGSEGV ended it.
"""

import faulthandler
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings

from processing.last_words import facts_of

RECORD_BYTES = 4096
DUMP_BYTES_MAX = 64 * 1024
# What a record may hold of its longest facts, the first try first: the words before the numbers.
CUTS = ((4000, 1000), (300, 100), (100, 50), (100, 10), (20, 0))


@dataclass(frozen=True, slots=True)
class Flight:
    """What a process was doing when it last wrote."""

    phase: str = ""
    batch: int | None = None
    lease: int | None = None
    positions: tuple[int, ...] = ()
    photo: str = ""
    alone: bool = False
    uncommitted: tuple[int, ...] = ()
    last_error: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    stop_signal: int | None = None
    vitals: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def folder() -> Path:
    """Where this host's recorders lie."""
    return Path(settings.STOCKPROOF_VAR) / "workers"


def path_of(token: str) -> Path:
    """Give the file of one process."""
    return folder() / f"{token}.flight"


class FlightRecorder:
    """The recorder of this process. Opening it locks it; only the end of the process unlocks it."""

    _catches_faults: ClassVar[str] = ""

    def __init__(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        self.token, self._descriptor = _make_locked()
        os.lseek(self._descriptor, RECORD_BYTES, os.SEEK_SET)
        self.flight: dict[str, Any] = {}
        # A signal's handler notes too, maybe in the middle of a note of the same thread.
        self._lock = threading.RLock()
        self._notes_count = 0
        self.errors_count = 0
        self.note(phase="idle")

    def catch_faults(self) -> None:
        """Let Python write behind the record where it stood when SIGSEGV, SIGBUS, SIGABRT or their like end it."""
        faulthandler.enable(file=self._descriptor)
        FlightRecorder._catches_faults = self.token

    def end_when_late(self, limit_s: float) -> None:
        """Let Python end this process after so long, and write behind the record where it stood.

        It needs no lock of the interpreter, which a decoder may never give back. `faulthandler` can call it off.
        """
        faulthandler.dump_traceback_later(limit_s, exit=True, file=self._descriptor)

    def note(self, **facts: Any) -> None:
        """Write down some facts; those not named stay. After `close` nothing is written any more.

        What is written last is what was noted last, whoever interrupts whom.
        test: test_note_of_a_signal_stands_when_it_interrupts_another_note.
        """
        with self._lock:
            self.flight.update(facts)
            self._notes_count += 1
            written = 0
            while self._descriptor >= 0 and written != self._notes_count:
                written = self._notes_count
                os.pwrite(self._descriptor, self._record().ljust(RECORD_BYTES), 0)

    def note_error(self, error: BaseException, *, is_fatal: bool = False, **facts: Any) -> None:
        """Write down an error that stands: it may be overcome, or be what ends this process."""
        text = str(error) or type(error).__name__
        self.errors_count += 1
        self.note(last_error=text, error=facts_of(error) | {"stands": True, "fatal": is_fatal}, **facts)

    def note_overcome(self) -> None:
        """Write down that the last error no longer stands; does nothing when none does."""
        error = self.flight.get("error", {})
        if error.get("stands"):
            self.note(error=error | {"stands": False})

    def _record(self) -> bytes:
        """Give what is known as JSON, the longest facts cut until it fits."""
        record = b""
        for letters_max, numbers_max in CUTS:
            cut = {name: _cut(value, letters_max, numbers_max) for name, value in self.flight.items()}
            record = json.dumps(cut, ensure_ascii=True).encode("ascii")
            if len(record) <= RECORD_BYTES:
                break
        return record[:RECORD_BYTES]

    def close(self) -> None:
        """Take the file away: this process ends cleanly."""
        with self._lock:
            path_of(self.token).unlink(missing_ok=True)
            descriptor, self._descriptor = self._descriptor, -1
            if FlightRecorder._catches_faults == self.token:
                faulthandler.disable()
            os.close(descriptor)


def _make_locked() -> tuple[str, int]:
    """Make a file and lock it; another one, when somebody has taken it for a stray before it was locked."""
    while True:
        token = secrets.token_hex(16)
        descriptor = os.open(path_of(token), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return token, descriptor
        os.close(descriptor)


def _cut(value: Any, letters_max: int, numbers_max: int) -> Any:
    if isinstance(value, str):
        return value[:letters_max]
    return list(value)[:numbers_max] if isinstance(value, list | tuple) else value


def lock_is_free(token: str) -> bool | None:
    """Say whether the process behind a recorder is dead; None: no such file here, which proves nothing."""
    try:
        descriptor = os.open(path_of(token), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def read_flight(token: str) -> Flight:
    """Read the last words of a process; an empty Flight when there are none that can be read."""
    try:
        with path_of(token).open("rb") as file:
            facts = json.loads(file.read(RECORD_BYTES))
    except (FileNotFoundError, ValueError):
        return Flight()
    known = {name: facts.pop(name) for name in list(facts) if name in Flight.__dataclass_fields__}
    for name in ("positions", "uncommitted"):
        known[name] = tuple(known.get(name, ()))
    return Flight(**known, extra=facts)


def read_dump(token: str) -> str:
    """Read what Python wrote when a signal ended a process, its first line the cause; empty when there is nothing."""
    try:
        with path_of(token).open("rb") as file:
            file.seek(RECORD_BYTES)
            return file.read(DUMP_BYTES_MAX).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""


def remove_strays(are_known: Callable[[Collection[str]], Collection[str]]) -> None:
    """Take away what a kill has left before its process had a row, or behind its burial.

    `are_known` is asked which of some tokens are those of processes that are not buried yet.
    test: test_stray_recorder_is_removed_*.
    """
    free = {path.stem for path in folder().glob("*.flight") if lock_is_free(path.stem)}
    for token in free.difference(are_known(free)) if free else ():
        _remove_if_free(token)


def _remove_if_free(token: str) -> None:
    """Remove a file under its lock: who is about to lock it as its own then sees that it is gone."""
    try:
        descriptor = os.open(path_of(token), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(token)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def remove(token: str) -> None:
    """Take a buried process's recorder away."""
    path_of(token).unlink(missing_ok=True)
