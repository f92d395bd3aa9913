"""How often somebody may call: a token bucket for each caller, in the memory of the one web process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

RATE_PER_S = 20
BURST = 100
CALLERS_MAX = 10_000


@dataclass
class Buckets:
    """A bucket by caller. Each holds up to `burst` requests and is filled by `rate_per_s` (Turner 1986, token bucket)."""

    rate_per_s: float = RATE_PER_S
    burst: int = BURST
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str) -> float:
        """Take one request out of a caller's bucket; give 0, or the seconds after which there is one again."""
        with self._lock:
            now = self.clock()
            level, at = self._levels.get(caller, (float(self.burst), now))
            level = min(self.burst, level + (now - at) * self.rate_per_s)
            if level < 1:
                return (1 - level) / self.rate_per_s
            if len(self._levels) >= CALLERS_MAX and caller not in self._levels:
                self._forget_full(now)
            self._levels[caller] = (level - 1, now)
            return 0.0

    def forget(self) -> None:
        """Fill every bucket."""
        with self._lock:
            self._levels.clear()

    def _forget_full(self, now: float) -> None:
        """Forget callers whose buckets are full again: it is as if they had never called."""
        fills_in_s = self.burst / self.rate_per_s
        self._levels = {caller: kept for caller, kept in self._levels.items() if now - kept[1] < fills_in_s}


BUCKETS = Buckets()
