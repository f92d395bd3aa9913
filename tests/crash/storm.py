"""A storm: random kills, stops and freezes during one session after another, from a seed that can be told."""

import random
import signal
import time
from collections import Counter
from collections.abc import Mapping

from processing.models import ImageResult, ProcessingSession
from processing.states import Status
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, kill, until

FROZEN_S = 5.0
GROWTH_MAX = 25
DEEDS = {
    "worker": 5,
    "cluster": 2,
    "parent": 3,
    "everything": 3,
    "stop": 3,
    "freeze worker": 1,
    "freeze all": 1,
}
STOPPED_EXITS = {0, 143}


class Storm:
    """Kills while sessions run; after each session everything is checked."""

    def __init__(
        self,
        studio: Studio,
        expected: str,
        *,
        seed: int,
        frozen_s: float = FROZEN_S,
        deeds: Mapping[str, int] = DEEDS,
    ) -> None:
        """The seed decides what is done and when, as far as processes let it; `deeds` says how often of each."""
        self.studio, self.expected, self.frozen_s, self.deeds = studio, expected, frozen_s, deeds
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.sessions_count = 0

    def rage(self, deeds_count: int) -> None:
        """Do so many deeds, then let the last session end."""
        run = self._begin()
        while self.done.total() < deeds_count:
            self._wait_for_growth(run)
            if run.process.poll() is None:
                self._do(run, self.random.choices(list(self.deeds), list(self.deeds.values()))[0])
            if run.process.poll() is not None:
                run = self._go_on(run)
        run.end()
        while not self._is_completed():
            run = self._go_on(run)
            run.end()
        self._check()

    def report(self) -> str:
        """Say what was done to how many sessions."""
        rows = ImageResult.objects.live().count()
        return (
            f"{self.done.total()} deeds {dict(self.done)}, {self.sessions_count} sessions, {rows} live rows"
        )

    def _begin(self) -> Run:
        return self.studio.process()

    def _wait_for_growth(self, run: Run) -> None:
        """Wait until some more photos are stored, or the command has ended."""
        goal = _stored() + self.random.randrange(GROWTH_MAX)
        until(lambda: run.process.poll() is not None or _stored() >= goal)

    def _do(self, run: Run, deed: str) -> None:
        self.done[deed] += 1
        if deed == "parent":
            run.send(signal.SIGKILL)
        elif deed == "everything":
            self.studio.signal_everything(signal.SIGKILL)
        elif deed == "stop":
            run.send(signal.SIGTERM)
        elif deed == "cluster":
            self._signal_one(self.studio.clusters(), signal.SIGKILL)
        elif deed == "worker":
            self._signal_one([worker.pid for worker in self.studio.laborers()], signal.SIGKILL)
        else:
            self._freeze(deed)
        if deed in ("parent", "everything", "stop"):
            self._await_end(run, deed)

    def _await_end(self, run: Run, deed: str) -> None:
        code = run.end()
        assert deed != "stop" or code in STOPPED_EXITS | {-signal.SIGTERM}, run.log()
        until(lambda: not self.studio.processes())

    def _signal_one(self, pids: list[int], signum: int) -> None:
        if pids:
            kill(self.random.choice(pids), signum)

    def _freeze(self, deed: str) -> None:
        """Stand still for a while: here it is time itself that is tested."""
        pids = list(self.studio.processes())
        chosen = pids if deed == "freeze all" else pids[-1:]
        for pid in chosen:
            kill(pid, signal.SIGSTOP)
        time.sleep(self.frozen_s)
        for pid in chosen:
            kill(pid, signal.SIGCONT)

    def _is_completed(self) -> bool:
        session = ProcessingSession.objects.newest_first().first()
        return session is not None and session.status == Status.COMPLETED

    def _go_on(self, run: Run) -> Run:
        """Start what a person would: another session after a finished one, else a recovery."""
        if not ProcessingSession.objects.exists():
            return self._begin()
        if self._is_completed():
            self._check()
            return self._begin()
        status = self.studio.session().status
        assert status != Status.FAILED, self.studio.session().last_error + run.log()
        return self.studio.start("recover", "latest", "--yes", "--wait", "--workers", "2", "--json")

    def _check(self) -> None:
        self.sessions_count += 1
        assert_exact(self.studio, self.expected)


def _stored() -> int:
    return ImageResult.objects.count()
