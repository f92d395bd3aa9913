"""Every statement that writes and every commit of this process, counted; at one of them it kills itself.

The seam is Django's own: between the product's code and the database's driver, so nothing in the product knows.
"""

import functools
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) "?(\w+)"?', re.IGNORECASE)
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Point:
    """One moment to die: before or after the write of this number, counted from 1."""

    number: int
    when: str


class Writes:
    """What this process has written so far, by name."""

    def __init__(self, point: Point | None) -> None:
        """Die at this point; None: never."""
        self.names: list[str] = []
        self._point = point
        # The writer thread of a worker writes too.
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Put this around every statement and every commit from now on."""
        for name in ("_execute", "_executemany"):
            self._patch(CursorWrapper, name, lambda args: _name_of(args[1]))
        self._patch(BaseDatabaseWrapper, "_commit", lambda _args: "COMMIT")

    def _patch(self, owner: type, attribute: str, name_of: Callable[[tuple[Any, ...]], str]) -> None:
        original = getattr(owner, attribute)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            name = name_of(args)
            if not name:
                return original(*args, **kwargs)
            number = self._count(name)
            self._die_if(number, BEFORE)
            answer = original(*args, **kwargs)
            self._die_if(number, AFTER)
            return answer

        setattr(owner, attribute, wrapped)

    def _count(self, name: str) -> int:
        with self._lock:
            self.names.append(name)
            return len(self.names)

    def _die_if(self, number: int, when: str) -> None:
        if self._point == Point(number, when):
            os.kill(os.getpid(), signal.SIGKILL)


def _name_of(sql: object) -> str:
    """Name a statement that writes by its verb and its table; empty for any other."""
    match = WRITE.match(str(sql))
    return f"{match[1].upper()} {match[2]}" if match else ""
