"""What many people look at at once is made once, and shared for a moment; in this process alone."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.conf import settings

KEPT_MAX = 100

Value = TypeVar("Value")


@dataclass(slots=True)
class _Kept(Generic[Value]):
    """One value with the instant, by our own clock, at which its making began; none before the first one."""

    values: list[Value] = field(default_factory=list)
    begun_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, make: Callable[[], Value]) -> Value:
        with self.lock:
            now_s = time.monotonic()
            if not self.values or now_s - self.begun_s >= settings.SHARED_LOOK_S:
                self.values, self.begun_s = [make()], now_s
            return self.values[0]


class Shared(Generic[Value]):
    """Values by key, each good for SHARED_LOOK_S from the beginning of its making; the last KEPT_MAX are kept.

    Who asks while a value is made waits for it. What making raises is raised to the one who made it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give the value of a key, made anew when it is no longer good."""
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return kept.take(make)
