"""The parent: children kept alive, crash loops broken, and a new row after a burial by mistake."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from processing import parent as module
from processing import recorder
from processing.models import Batch, ProcessingSession, Worker
from processing.parent import CRASH_LOOP, CRASH_LOOP_DEATHS_MIN, RESTART_WAIT_S_MAX, CalledOff, Child, Parent
from processing.queue import SHARED_QUEUE, offer_lane, private_queue, unstarted_lanes
from processing.states import BatchKind, BatchStatus, Stage, Status
from processing.worker import ENDING
from tests.factories import make_batch, make_session, make_worker

pytestmark = pytest.mark.django_db(transaction=True)

ENDS_AT_ONCE = ["-c", "raise SystemExit(70)"]
STAYS = ["-c", "import time; time.sleep(60)"]


@pytest.fixture(autouse=True)
def _house(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A state folder of its own; the test process gets its signals back."""
    settings.STOCKPROOF_VAR = tmp_path
    settings.SWEEP_S = 0.01
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ignore(_row: Worker) -> None:
    """Look after nobody."""


def keep(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Let parents start another process in place of their cluster."""
    monkeypatch.setattr(module, "Child", lambda *_asked: Child(arguments))


def working_session() -> ProcessingSession:
    """Make a running session with work."""
    session = make_session()
    make_batch(session=session)
    return session


def begun_parent(session: ProcessingSession | None = None) -> Parent:
    """Make a parent with a cluster, as `run` begins."""
    parent = Parent(workers=1, look=ignore)
    parent._begin(parent.register(session))
    return parent


def last_words(parent: Parent) -> recorder.Flight:
    """Read what the parent's recorder says now."""
    return recorder.read_flight(parent.presence.recorder.token)


def stop(parent: Parent) -> None:
    """End a parent's processes at once, and its row."""
    parent.signal_count = 2
    parent._stop_children()
    parent._end()


def bury_mistakenly(parent: Parent) -> None:
    """Let the parent learn that others took it for dead."""
    parent.presence.row.end()
    parent.presence.beat()


def test_child_is_started_again_after_growing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    child, waits = Child(ENDS_AT_ONCE), []

    for _ in range(8):
        child.keep_alive()
        assert isinstance(child._process, subprocess.Popen)
        child._process.wait()
        child.keep_alive()
        assert child._process is None
        waits.append(round(child._not_before - clock.now_s, 1))
        clock.now_s = child._not_before

    assert (waits, child.restarts_count) == ([0.2, 0.6, 1.4, 3.0, 6.2, 10.0, 10.0, 10.0], 8)
    assert waits[-1] == RESTART_WAIT_S_MAX
    child.praise()
    child.keep_alive()
    assert child._process is not None
    child._process.wait()
    child.keep_alive()
    assert (child.restarts_count, round(child._not_before - clock.now_s, 1)) == (1, 0.2)


def test_session_fails_with_the_reason_when_the_cluster_cannot_be_kept_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RESTARTS_MAX", 2)
    keep(monkeypatch, ENDS_AT_ONCE)
    session, other = working_session(), working_session()
    parent = Parent(workers=1, look=ignore)
    row = parent.register(session)

    parent.run(is_over=lambda: False)

    session.refresh_from_db()
    other.refresh_from_db()
    row.refresh_from_db()
    assert (parent.is_broken, session.status, other.status) == (True, Status.FAILED, Status.RUNNING)
    assert session.last_error == CRASH_LOOP.format(deaths=2)
    assert row.ended_at is not None


def test_crash_loop_is_broken_when_workers_die_again_and_again_without_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = begun_parent(session)
    parent._break_crash_loop()
    for number in range(CRASH_LOOP_DEATHS_MIN):
        make_worker(parent=parent.presence.row).end()
        if number == CRASH_LOOP_DEATHS_MIN - 2:
            parent._break_crash_loop()
    before = parent.is_broken

    parent._break_crash_loop()

    session.refresh_from_db()
    stop(parent)
    assert (before, parent.is_broken, session.status) == (False, True, Status.FAILED)
    assert session.last_error == CRASH_LOOP.format(deaths=CRASH_LOOP_DEATHS_MIN)


def test_deaths_do_not_count_when_there_was_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    parent = begun_parent()
    for _ in range(10 * CRASH_LOOP_DEATHS_MIN):
        make_worker(parent=parent.presence.row).end()
    parent._break_crash_loop()
    session = working_session()

    parent._break_crash_loop()

    session.refresh_from_db()
    stop(parent)
    assert (parent.is_broken, session.status) == (False, Status.RUNNING)


def test_deaths_are_forgotten_when_there_was_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = begun_parent(session)
    parent._break_crash_loop()
    for _ in range(CRASH_LOOP_DEATHS_MIN):
        make_worker(parent=parent.presence.row).end()
    ProcessingSession.objects.filter(pk=session.pk).update(processed=1, approved=1)

    parent._break_crash_loop()

    stop(parent)
    assert not parent.is_broken


def test_buried_parent_drops_its_cluster_and_registers_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = begun_parent(session)
    web = Child(STAYS)
    parent.add_child(web)
    parent._sweep()
    old, cluster = parent.presence.row, parent._cluster._process
    bury_mistakenly(parent)

    parent._sweep()

    new, web_process = parent.presence.row, web._process
    assert cluster is not None
    assert web_process is not None
    assert (cluster.returncode, web_process.poll()) == (-signal.SIGKILL, None)
    assert (new.pk == old.pk, new.serves, new.ended_at) == (False, session, None)
    assert unstarted_lanes(private_queue(new.token), session.pk) == 1
    assert not recorder.path_of(old.token).exists()
    stop(parent)


def test_buried_parent_keeps_its_other_children_when_the_database_fails_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(monkeypatch, STAYS)
    parent = begun_parent()
    web = Child(STAYS)
    parent.add_child(web)
    parent._sweep()
    old = parent.presence.row
    bury_mistakenly(parent)
    save, calls = Worker.save, []

    def fail_first(worker: Worker, **options: Any) -> None:
        calls.append(worker)
        if len(calls) == 1:
            raise OperationalError("the database is gone")
        save(worker, **options)

    monkeypatch.setattr(Worker, "save", fail_first)

    with pytest.raises(OperationalError):
        parent._sweep()
    parent._sweep()

    web_process = web._process
    assert web_process is not None
    assert (web_process.poll(), parent.presence.row.pk == old.pk) == (None, False)
    left = {path.name for path in recorder.folder().iterdir()}
    assert left == {recorder.path_of(parent.presence.row.token).name}
    stop(parent)


def test_run_ends_cleanly_and_drops_its_own_queue_when_the_work_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = Parent(workers=1, look=ignore)
    row = parent.register(session)
    offer_lane(private_queue("dead"), session.pk, 0)
    offer_lane(SHARED_QUEUE, session.pk, 0)

    parent.run(is_over=lambda: True)

    row.refresh_from_db()
    assert list(recorder.folder().iterdir()) == []
    queues = (private_queue("dead"), private_queue(row.token), SHARED_QUEUE)
    assert [unstarted_lanes(name, session.pk) for name in queues] == [0, 0, 1]
    assert row.ended_at is not None


def test_run_waits_for_the_database_and_then_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    parent = Parent(workers=1, look=ignore)
    parent.register(working_session())
    answers = iter([OperationalError("gone"), False, True])
    stood: list[bool | None] = []

    def is_over() -> bool:
        stood.append(last_words(parent).error.get("stands"))
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    parent.run(is_over=is_over)

    assert (next(answers, "asked three times"), stood) == ("asked three times", [None, True, False])


def test_parent_moves_its_session_on_at_the_next_tick_when_the_scan_has_ended(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    keep(monkeypatch, STAYS)
    monkeypatch.setattr(module, "TICK_S", 0.01)
    settings.SWEEP_S = 60
    session = make_session(stage=Stage.SCANNING)
    scan = make_batch(session=session, kind=BatchKind.SCAN)
    make_batch(session=session)
    parent = Parent(workers=1, look=ignore)
    parent.register(session)
    stages: list[str] = []

    def is_over() -> bool:
        session.refresh_from_db()
        stages.append(session.stage)
        Batch.objects.filter(pk=scan.pk).update(status=BatchStatus.DONE)
        return len(stages) == 2

    parent.run(is_over=is_over)

    assert stages == [Stage.SCANNING, Stage.RUNNING]


def test_signal_stops_the_run_after_what_must_be_done_first(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = Parent(workers=1, look=ignore)
    parent.register(session)

    signals: list[int | None] = []

    def send() -> bool:
        signal.raise_signal(signal.SIGTERM)
        signals.append(last_words(parent).stop_signal)
        return False

    parent.run(is_over=send, on_stop=session.pause)

    assert signals == [signal.SIGTERM]
    assert (parent.signal_count, parent.last_signal, session.status) == (1, signal.SIGTERM, Status.PAUSED)


def test_signal_before_the_row_is_there_is_written_down_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = Parent(workers=1, look=ignore)
    save = Worker.save

    def save_while_stopped(row: Worker, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        save(row, **options)

    monkeypatch.setattr(Worker, "save", save_while_stopped)

    parent.register()

    assert last_words(parent).stop_signal == signal.SIGINT
    parent.presence.end()


def test_parent_that_may_not_wait_to_mark_its_end_leaves_word_that_it_was_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(monkeypatch, STAYS)
    parent = Parent(workers=1, look=ignore)
    parent.register(working_session())

    def fail(_queue: str) -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        raise OperationalError("gone")

    monkeypatch.setattr(module.queue, "drop_queue", fail)

    parent.run(is_over=lambda: True)

    words = last_words(parent)
    monkeypatch.undo()
    parent.presence.end()
    assert (words.phase, words.error["stands"], words.error["types"][0]) == (
        ENDING,
        True,
        "django.db.utils.OperationalError",
    )


def test_parent_that_dies_of_an_unexpected_error_is_no_clean_end(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    parent = Parent(workers=1, look=ignore)
    row = parent.register(working_session())

    def be_wrong() -> bool:
        raise KeyError("nobody expected this")

    with pytest.raises(KeyError):
        parent.run(is_over=be_wrong)

    row.refresh_from_db()
    words = last_words(parent)
    assert (row.ended_at, words.error["fatal"], words.error["types"][0]) == (None, True, "KeyError")
    assert parent._cluster._process is None
    parent.presence.end()


def test_parent_pauses_and_ends_cleanly_when_the_work_is_called_off(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, STAYS)
    session = working_session()
    parent = Parent(workers=1, look=ignore)
    row = parent.register(session)

    def call_off() -> bool:
        raise CalledOff

    with pytest.raises(CalledOff):
        parent.run(is_over=call_off, on_stop=session.pause)

    row.refresh_from_db()
    assert (session.status, row.ended_at is None) == (Status.PAUSED, False)
