"""The time limit of photos in flight: counted in ticks, so that a freeze is no fault of a photo."""

import faulthandler
import os
import threading
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import recorder
from processing.worker import PHOTO_TIMEOUT_EXIT, Presence
from tests.clocks import Clock, clock, presence

__all__ = ["clock", "presence"]
pytestmark = pytest.mark.django_db

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path


def test_process_ends_itself_when_a_photo_exceeds_its_limit(
    monkeypatch: pytest.MonkeyPatch, presence: Presence
) -> None:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        presence._over.set()

    monkeypatch.setattr(os, "_exit", end)
    presence.take_off(0.3, phase="analyze", positions=[7])

    watchdog = threading.Thread(target=presence._watch_flight)
    watchdog.start()
    watchdog.join(DEADLINE_S)

    flight = recorder.read_flight(presence.recorder.token)
    assert (codes, flight.phase, flight.positions) == ([PHOTO_TIMEOUT_EXIT], "timeout", (7,))


class Ticks:
    """Stands for the watchdog's waiting: so many ticks, each of which lasts long by the clock."""

    def __init__(self, clock: Clock, number: int, tick_s: float) -> None:
        """Wait so many times."""
        self.clock, self.left, self.tick_s = clock, number, tick_s

    def wait(self, _timeout_s: float) -> bool:
        """Let a tick pass; True when they are over."""
        self.clock.now_s += self.tick_s
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(("ticks_count", "codes"), [(19, []), (21, [PHOTO_TIMEOUT_EXIT])])
def test_photo_is_not_late_when_the_process_was_frozen(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, presence: Presence, ticks_count: int, codes: list[int]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(presence, "_over", Ticks(clock, ticks_count, 3600.0))
    presence.take_off(10.0, phase="analyze")

    presence._watch_flight()

    monkeypatch.undo()
    assert ended == codes


def test_time_spent_on_failing_reads_never_counts_against_a_photo(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, presence: Presence
) -> None:
    ended: list[int] = []
    armed_s: list[float] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda limit_s, **_: armed_s.append(limit_s))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", armed_s.clear)
    presence.take_off(1.0, phase="analyze", positions=[1])
    presence._flight_s = 0.9

    with presence.off_the_clock():
        armed_meanwhile_s = list(armed_s)
        monkeypatch.setattr(presence, "_over", Ticks(clock, 100, 1.0))
        presence._watch_flight()
    monkeypatch.setattr(presence, "_over", Ticks(clock, 2, 0.4))
    presence._watch_flight()
    in_time = list(ended)
    monkeypatch.setattr(presence, "_over", Ticks(clock, 1, 0.4))
    presence._watch_flight()

    monkeypatch.undo()
    assert (in_time, ended) == ([], [PHOTO_TIMEOUT_EXIT])
    assert (armed_meanwhile_s, armed_s) == ([], [2.0])


def test_photo_that_has_landed_is_never_late(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, presence: Presence
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(presence, "_over", Ticks(clock, 100, 1.0))
    presence.take_off(1.0, phase="analyze", positions=[1])
    presence.land(uncommitted=[1])

    presence._watch_flight()

    flight = recorder.read_flight(presence.recorder.token)
    monkeypatch.undo()
    assert (ended, flight.phase, flight.positions, flight.uncommitted) == ([], "landed", (), (1,))
