"""What many look at at once is made once, for a moment, and never of a mixture of moments."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from pytest_django import Settings

from processing import sharing
from processing.sharing import Shared

LONG_S = 3600


def counter() -> Callable[[], int]:
    """Give what counts how often it is called."""
    numbers = iter(range(100))
    return lambda: next(numbers)


def test_value_is_made_once_while_it_is_good(settings: Settings) -> None:
    settings.SHARED_LOOK_S = LONG_S
    shared, make = Shared[int](), counter()

    assert [shared.get("a", make), shared.get("a", make), shared.get("b", make)] == [0, 0, 1]


def test_value_is_made_anew_when_its_moment_is_over(settings: Settings) -> None:
    settings.SHARED_LOOK_S = 0
    shared, make = Shared[int](), counter()

    assert [shared.get("a", make), shared.get("a", make)] == [0, 1]


def test_value_is_as_old_as_the_beginning_of_its_making(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHARED_LOOK_S = 2
    clock = [10.0]
    monkeypatch.setattr(sharing.time, "monotonic", lambda: clock[0])
    shared, made = Shared[float](), []

    def make_slowly() -> float:
        made.append(clock[0])
        clock[0] += 1.5
        return made[-1]

    assert [shared.get("a", make_slowly), shared.get("a", make_slowly)] == [10.0, 10.0]
    clock[0] += 0.5
    assert shared.get("a", make_slowly) == 12.0


def test_who_asks_meanwhile_waits_and_takes_it(settings: Settings) -> None:
    settings.SHARED_LOOK_S = LONG_S
    shared, make, all_ask, may_end = Shared[int](), counter(), Barrier(4), Event()

    def make_slowly() -> int:
        may_end.wait(20)
        return make()

    def ask() -> int:
        all_ask.wait(20)
        return shared.get("a", make_slowly)

    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(ask) for _ in range(3)]
        all_ask.wait(20)
        may_end.set()
        assert [one.result(20) for one in asked] == [0, 0, 0]


def test_failure_is_not_kept(settings: Settings) -> None:
    settings.SHARED_LOOK_S = LONG_S
    shared, make = Shared[int](), counter()

    def fail() -> int:
        raise OSError("The database is away.")

    with pytest.raises(OSError, match="away"):
        shared.get("a", fail)

    assert shared.get("a", make) == 0


def test_only_the_last_values_are_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SHARED_LOOK_S = LONG_S
    monkeypatch.setattr(sharing, "KEPT_MAX", 2)
    shared, make = Shared[int](), counter()

    assert [shared.get(key, make) for key in "abac"] == [0, 1, 0, 2]
    assert [shared.get(key, make) for key in "acb"] == [0, 2, 3]
