"""Patience: what a process that attends or ends does while the database is away, and when it stops waiting."""

import signal
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from processing import parent as module
from processing import queue, recorder, tasks, worker
from processing.models import Worker
from processing.parent import Parent
from processing.worker import insistently, patiently
from tests.factories import make_worker
from tests.test_parent import STAYS, _house, ignore, keep, working_session
from tests.test_tasks import keep_globals

__all__ = ["_house"]
pytestmark = pytest.mark.django_db(transaction=True)


class Gone:
    """A question to the database that is not answered the first times."""

    def __init__(self, failures_count: int) -> None:
        self.failures_count = failures_count
        self.asked_count = 0

    def __call__(self) -> None:
        self.asked_count += 1
        if self.asked_count <= self.failures_count:
            raise OperationalError(f"gone {self.asked_count}")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DATABASE_WAIT_S", 0.01)


def test_insisting_goes_on_until_there_is_an_answer_though_that_is_nothing() -> None:
    ask = Gone(3)

    insistently(ask, lambda: False)

    assert ask.asked_count == 4


def test_insisting_raises_what_the_database_says_when_it_gives_up() -> None:
    ask = Gone(9)

    with pytest.raises(OperationalError, match=r"^gone 3$"):
        insistently(ask, lambda: ask.asked_count == 2)


def test_waiting_for_the_database_ends_at_once_when_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DATABASE_WAIT_S", 1.0)
    clock = SimpleNamespace(now_s=0.0)

    def sleep(wait_s: float) -> None:
        clock.now_s += wait_s

    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: clock.now_s, sleep=sleep))

    patiently(Gone(9), lambda: clock.now_s >= 5)

    assert clock.now_s == 5


def test_parent_waits_for_the_database_to_mark_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    parent = Parent(workers=1, look=ignore)
    row = parent.register(working_session())
    end, gone = Worker.end, Gone(2)

    def fail_twice(worker: Worker, *told: Any) -> bool:
        gone()
        return end(worker, *told)

    monkeypatch.setattr(Worker, "end", fail_twice)

    parent.run(is_over=lambda: True)

    row.refresh_from_db()
    assert (gone.asked_count, row.ended_at is None, list(recorder.folder().iterdir())) == (3, False, [])


@pytest.mark.parametrize("has_landed", [True, False])
def test_act_that_begins_an_attendance_is_done_once_when_its_answer_is_lost(
    has_landed: bool,  # noqa: FBT001 -- pytest gives it by name
) -> None:
    parent = Parent(workers=1, look=ignore)
    tokens: list[str] = []

    def lose_first() -> None:
        with transaction.atomic():
            tokens.append(parent.register().token)
            if len(tokens) == 1 and not has_landed:
                raise OperationalError("the connection was lost")
        if len(tokens) == 1:
            raise OperationalError("the connection was lost")

    parent.begin(lose_first)

    living = Worker.objects.living_tokens(tokens)
    files = {path.name for path in recorder.folder().iterdir()}
    assert len(tokens) == (1 if has_landed else 2)
    assert (living, files) == ({tokens[-1]}, {recorder.path_of(tokens[-1]).name})
    assert parent.presence.row.token == tokens[-1]
    parent.presence.end()


@pytest.mark.parametrize("has_landed", [True, False])
def test_process_has_one_row_when_the_answer_to_its_registration_is_lost(
    monkeypatch: pytest.MonkeyPatch,
    has_landed: bool,  # noqa: FBT001 -- pytest gives it by name
) -> None:
    parent = Parent(workers=1, look=ignore)
    asked = lose_first_answer(monkeypatch, has_landed=has_landed)

    parent.begin(parent.register)

    row = Worker.objects.get()
    files = [path.name for path in recorder.folder().iterdir()]
    assert (asked[0], row, files) == (True, parent.presence.row, [recorder.path_of(row.token).name])
    parent.presence.end()


@pytest.mark.parametrize("has_landed", [True, False])
def test_worker_has_one_row_when_the_answer_to_its_registration_is_lost(
    monkeypatch: pytest.MonkeyPatch,
    has_landed: bool,  # noqa: FBT001 -- pytest gives it by name
) -> None:
    above = make_worker()
    keep_globals(monkeypatch)
    monkeypatch.setattr(queue, "work_off", lambda _queue, _wants_to_stop: above.end())
    asked = lose_first_answer(monkeypatch, has_landed=has_landed)

    tasks.labor(above.pk, queue.SHARED_QUEUE, 1)

    row = Worker.objects.laborers().get()
    assert (asked[0], row.ended_at is None, list(recorder.folder().iterdir())) == (True, False, [])


def lose_first_answer(monkeypatch: pytest.MonkeyPatch, *, has_landed: bool) -> list[bool]:
    """Lose the connection at the first commit, before it lands or after; give in which order that was done."""
    commit, lost = BaseDatabaseWrapper._commit, []

    def commit_and_lose(database: BaseDatabaseWrapper) -> None:
        is_first = not lost
        lost.append(is_first)
        if has_landed or not is_first:
            commit(database)
        if is_first:
            raise OperationalError("the connection was lost")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", commit_and_lose)
    return lost


@pytest.mark.parametrize(("signals_count", "after_s", "gives_up"), [(0, 99, False), (1, 20, False), (1, 31, True), (2, 0, True)])  # fmt: skip
def test_parent_waits_for_the_database_as_long_as_its_stops_allow(
    monkeypatch: pytest.MonkeyPatch,
    signals_count: int,
    after_s: float,
    gives_up: bool,  # noqa: FBT001 -- pytest gives it by name
) -> None:
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    parent = Parent(workers=1, look=ignore)
    for _ in range(signals_count):
        parent._note_signal(signal.SIGTERM, None)
    clock.now_s += after_s
    ask = Gone(2)

    with pytest.raises(OperationalError) if gives_up else nullcontext():
        parent.insist(ask)

    assert ask.asked_count == (1 if gives_up else 3)
