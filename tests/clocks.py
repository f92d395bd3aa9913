"""A process and its clock, for tests that move the one and look at the other."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from processing import recorder, worker
from processing.worker import Presence
from tests.factories import make_worker


class Clock:
    """The watcher's monotonic clock, which the test moves."""

    def __init__(self) -> None:
        """Begin anywhere but at zero."""
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """Give the time."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process, as worker.py reads it."""
    clock = Clock()
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def presence() -> Iterator[Presence]:
    """A registered process: this one."""
    presence = Presence()
    presence.register(parent=make_worker())
    yield presence
    if recorder.path_of(presence.recorder.token).exists():
        # Else what a test took off would end this process: the last resort is outside of Python.
        presence.land()
        presence.end()
