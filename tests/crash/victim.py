"""A process that harms itself at a named seam: `VICTIM_PLAN` holds the deeds, `VICTIM_LEDGER` what was done.

A deed names a dotted seam of the product, before or after which call it happens, and in which process. It
happens once, however many processes carry the plan, unless the plan says `always`.
"""

import ctypes
import functools
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import OperationalError
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite


@dataclass(frozen=True)
class Deed:
    """What a victim does to itself, where and when."""

    seam: str
    when: str = "before"
    call: int = 1
    act: str = "kill"
    process: str = "cluster"
    marker: str = ""
    always: bool = False

    @property
    def name(self) -> str:
        """The deed's file in the ledger."""
        return f"{self.seam}-{self.when}-{self.call}-{self.act}-{self.process}"

    def was_done(self, ledger: Path) -> bool:
        """Whether the call was reached."""
        path = ledger / self.name
        return path.exists() and path.stat().st_size >= self.call


def written(plan: list[Deed], ledger: Path) -> dict[str, str]:
    """Give the environment that makes a victim of a process."""
    ledger.mkdir(exist_ok=True)
    deeds = json.dumps([asdict(deed) for deed in plan])
    return {
        "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        "VICTIM_PLAN": deeds,
        "VICTIM_LEDGER": str(ledger),
    }


class VictimConfig(AppConfig):
    """Patches the seams when Django is ready."""

    name = "tests.crash"
    label = "victim"

    def ready(self) -> None:
        """Patch those of this process only: the parent must not import torch."""
        process = "cluster" if "processing.cluster" in sys.orig_argv else "parent"
        for entry in json.loads(os.environ.get("VICTIM_PLAN", "[]")):
            deed = Deed(**entry)
            if deed.process == process:
                patch(deed)
        if "VICTIM_READ_ONLY" in os.environ:
            obey_read_only(Path(os.environ["VICTIM_READ_ONLY"]))


def patch(deed: Deed) -> None:
    """Put the deed around the function that its seam names."""
    owner, attribute = _find(deed.seam)
    original = getattr(owner, attribute)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        due = _marked(deed, args) and _is_due(deed)
        if due and deed.when == "before":
            ACTS[deed.act]()
        answer = original(*args, **kwargs)
        if due and deed.when == "after":
            ACTS[deed.act]()
        return answer

    setattr(owner, attribute, wrapped)


def _find(seam: str) -> tuple[Any, str]:
    """Find the module or class that holds a seam, and the seam's own name."""
    parts = seam.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1]
    raise ModuleNotFoundError(seam)


def _marked(deed: Deed, args: tuple[Any, ...]) -> bool:
    """Whether the call is about what the deed waits for: bytes that hold its marker."""
    marker = deed.marker.encode()
    return not marker or any(isinstance(arg, bytes) and marker in arg for arg in args)


def _is_due(deed: Deed) -> bool:
    """Count the calls of all processes together: each writes one byte at the end of a shared file."""
    if deed.always:
        return True
    descriptor = os.open(
        Path(os.environ["VICTIM_LEDGER"]) / deed.name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR) == deed.call
    finally:
        os.close(descriptor)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _hang() -> None:
    threading.Event().wait()


def _hang_in_native_code() -> None:
    """Stand still with the interpreter's lock held, as a decoder in an endless loop would."""
    ctypes.PyDLL(None).pause()


def _lose_answer() -> None:
    raise OperationalError("the connection was lost")


def _meet_the_unexpected() -> None:
    raise KeyError("nobody expected this")


def _want_memory() -> None:
    raise MemoryError


def obey_read_only(marker: Path) -> None:
    """Let SQLite refuse every write while a file is there, as it does where its disk is mounted read-only."""
    create_cursor = SQLite.create_cursor

    def create_obedient(database: SQLite, name: str | None = None) -> Any:
        database.connection.execute(f"PRAGMA query_only = {int(marker.exists())}")
        return create_cursor(database, name)

    SQLite.create_cursor = create_obedient


ACTS: dict[str, Callable[[], None]] = {
    "kill": _kill,
    "freeze": _freeze,
    "hang": _hang,
    "hang_in_native_code": _hang_in_native_code,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "stop": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "lose_answer": _lose_answer,
    "error": _meet_the_unexpected,
    "memory": _want_memory,
}
