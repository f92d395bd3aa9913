"""The flight recorder: a small locked file that outlives its process and says what it was doing.

The kernel releases the lock however the process ends, so a free lock proves death on the same host;
a frozen process keeps it. The file is written by pwrite, so its last words survive SIGKILL.
"""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

RECORD_BYTES = 4096
POSITIONS_MAX = 100


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
    extra: dict[str, Any] = field(default_factory=dict)


def folder() -> Path:
    """Where this host's recorders lie."""
    return Path(settings.STOCKPROOF_VAR) / "workers"


def path_of(token: str) -> Path:
    """Give the file of one process."""
    return folder() / f"{token}.flight"


class FlightRecorder:
    """The recorder of this process. Opening it locks it; only the end of the process unlocks it."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        folder().mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(
            path_of(self.token), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.flight: dict[str, Any] = {}
        self.note(phase="idle")

    def note(self, **facts: Any) -> None:
        """Write down some facts; those not named stay. Cut to the record's size, the longest text first."""
        self.flight.update(facts)
        record = json.dumps(self.flight, ensure_ascii=True).encode("ascii")
        if len(record) > RECORD_BYTES:
            self.flight.update(photo=str(self.flight.get("photo", ""))[:200], last_error="")
            for name in ("positions", "uncommitted"):
                self.flight[name] = list(self.flight.get(name, []))[:POSITIONS_MAX]
            record = json.dumps(self.flight, ensure_ascii=True).encode("ascii")
        os.pwrite(self._descriptor, record[:RECORD_BYTES].ljust(RECORD_BYTES), 0)

    def close(self) -> None:
        """Take the file away: this process ends cleanly."""
        path_of(self.token).unlink(missing_ok=True)
        os.close(self._descriptor)


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
        facts = json.loads(path_of(token).read_bytes())
    except (FileNotFoundError, ValueError):
        return Flight()
    known = {name: facts.pop(name) for name in list(facts) if name in Flight.__dataclass_fields__}
    for name in ("positions", "uncommitted"):
        known[name] = tuple(known.get(name, ()))
    return Flight(**known, extra=facts)


def remove(token: str) -> None:
    """Take a buried process's recorder away."""
    path_of(token).unlink(missing_ok=True)
