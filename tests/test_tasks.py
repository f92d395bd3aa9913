"""What a worker process does with a call, with a stop, and with a death beside it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import OperationalError
from pytest_django import Settings

from processing import queue, recorder, runner, tasks
from processing.models import Batch, Worker
from processing.models.batch import BatchQuerySet
from processing.queue import SHARED_QUEUE, unstarted_lanes
from processing.runner import Slice
from processing.states import BatchStatus, Stage, Status
from processing.worker import Presence
from recovery.models import Crash
from tests.commands.processes import make_dead
from tests.factories import make_batch, make_session, make_worker
from tests.scans import start_session
from tests.slices import live_rows, scanned_session, worker_slice, write_photos

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _house(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A state folder of its own; the test process gets its signal back."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    settings.STOCKPROOF_DEVICE = "cpu"
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slice]:
    """Be a worker that takes calls."""
    with worker_slice() as work:
        monkeypatch.setattr(tasks, "_presence", work.presence)
        monkeypatch.setattr(tasks, "_queue_name", SHARED_QUEUE)
        monkeypatch.setattr(tasks, "pipeline", work.pipeline)
        monkeypatch.setattr(tasks, "decoders", lambda: work.decoders)
        monkeypatch.setattr(tasks, "writer", lambda: work.writer)
        yield work


def keep_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back after the test what `labor` sets for the life of its process."""
    for name in ("_presence", "_queue_name", "_decoders_count"):
        monkeypatch.setattr(tasks, name, getattr(tasks, name))


def test_lane_works_a_session_off_and_offers_no_further_one_when_nothing_is_left(
    tmp_path: Path, work: Slice
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2))

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, live_rows(session, "position")) == (Status.COMPLETED, [0, 1])
    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_lane_offers_the_next_one_at_its_end(work: Slice, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    make_batch(session=session)
    monkeypatch.setattr(runner, "run_slice", lambda _session, _work: 1)

    tasks.run_lane(str(session.pk), 0)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 1


def test_lane_offers_nothing_when_a_parent_of_its_own_serves_the_session_by_now(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    make_batch(session=session)

    def be_taken_up_meanwhile(_session: object, _work: Slice) -> int:
        make_worker(serves=session)
        return 1

    monkeypatch.setattr(runner, "run_slice", be_taken_up_meanwhile)

    tasks.run_lane(str(session.pk), 0)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_lane_ends_with_the_scan_when_a_parent_of_its_own_serves_the_session(
    tmp_path: Path, work: Slice
) -> None:
    session = start_session(write_photos(tmp_path / "source", 2))
    Worker.objects.filter(pk=work.presence.row.parent_id).update(serves=session)
    work.presence.row.refresh_from_db()

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, session.found_count, live_rows(session)) == (Status.SCANNING, 2, [])
    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_lane_offers_nothing_when_it_found_nothing_or_must_stop(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    make_batch(session=session)
    monkeypatch.setattr(runner, "run_slice", lambda _session, _work: 0)
    tasks.run_lane(str(session.pk), 0)
    work.presence.draining.set()
    monkeypatch.setattr(runner, "run_slice", lambda _session, _work: 1)

    tasks.run_lane(str(session.pk), 0)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_call_for_an_unknown_session_is_dropped(work: Slice, caplog: pytest.LogCaptureFixture) -> None:
    tasks.run_lane(str(uuid4()), 0)

    assert [record.getMessage() for record in caplog.records] == ["call for an unknown session dropped"]


def test_session_fails_with_the_error_when_a_lane_meets_one_that_nobody_expected(
    work: Slice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session, other = make_session(), make_session()
    batch = make_batch(session=session)
    make_batch(session=other)

    def break_down(_batch: Batch, _work: Slice) -> None:
        raise KeyError("wonder")

    monkeypatch.setattr(runner, "run_batch", break_down)

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    other.refresh_from_db()
    assert (session.status, session.last_error, other.status) == (
        Status.FAILED,
        "KeyError: 'wonder'",
        Status.RUNNING,
    )
    assert Batch.objects.get(pk=batch.pk).status == BatchStatus.QUEUED
    assert [record.exc_info is None for record in caplog.records] == [False]


def test_session_fails_once_the_database_answers_again_when_a_lane_met_an_unexpected_error(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    make_batch(session=session)
    fail, calls = Batch.fail, []

    def break_down(_batch: Batch, _work: Slice) -> None:
        raise KeyError("wonder")

    def fail_second(batch: Batch, *args: object) -> bool:
        calls.append(batch)
        if len(calls) == 1:
            raise OperationalError("gone")
        return fail(batch, *args)

    monkeypatch.setattr(runner, "run_batch", break_down)
    monkeypatch.setattr(Batch, "fail", fail_second)

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, session.last_error) == (Status.FAILED, "KeyError: 'wonder'")
    assert Batch.objects.get().status == BatchStatus.QUEUED


def test_lane_drops_its_error_when_its_lease_is_lost_meanwhile(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    make_batch(session=session)
    fail = Batch.fail

    def break_down(_batch: Batch, _work: Slice) -> None:
        raise KeyError("wonder")

    def fail_late(batch: Batch, *args: object) -> bool:
        Batch.objects.get(pk=batch.pk).take_away()
        return fail(batch, *args)

    monkeypatch.setattr(runner, "run_batch", break_down)
    monkeypatch.setattr(Batch, "fail", fail_late)

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, Batch.objects.get().status) == (Status.RUNNING, BatchStatus.QUEUED)


def test_lane_gives_its_batch_back_once_the_database_answers_again(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    batch = make_batch(session=session)
    release, calls = BatchQuerySet.release_held_by, []

    def lose_database(_batch: Batch, _work: Slice) -> None:
        raise OperationalError("gone")

    def fail_second(batches: BatchQuerySet, worker: Worker) -> int:
        calls.append(worker)
        if len(calls) == 2:
            raise OperationalError("still gone")
        return release(batches, worker)

    monkeypatch.setattr(runner, "run_batch", lose_database)
    monkeypatch.setattr(BatchQuerySet, "release_held_by", fail_second)

    tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, Batch.objects.get(pk=batch.pk).status) == (Status.RUNNING, BatchStatus.QUEUED)
    assert (len(calls), Worker.objects.get(pk=work.presence.row.pk).lane_session) == (3, None)
    error = recorder.read_flight(work.presence.recorder.token).error
    assert (error["types"][0], error["stands"]) == ("django.db.utils.OperationalError", False)


def test_lane_is_refused_in_a_process_that_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_presence", None)

    with pytest.raises(RuntimeError, match="in a worker process only"):
        tasks.run_lane(str(uuid4()), 0)


def test_worker_that_was_buried_registers_anew_and_a_stop_between_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = make_worker()
    register, wishes = Presence.register, []

    def register_while_stopped(presence: Presence, **options: object) -> Worker:
        if wishes:
            os.kill(os.getpid(), signal.SIGTERM)
        return register(presence, **options)

    def be_buried(_queue: str, wants_to_stop: object) -> None:
        assert callable(wants_to_stop)
        assert tasks._presence is not None
        if not wishes:
            tasks._presence.row.end()
            tasks._presence.beat()
        wishes.append(wants_to_stop())

    keep_globals(monkeypatch)
    monkeypatch.setattr(Presence, "register", register_while_stopped)
    monkeypatch.setattr(queue, "work_off", be_buried)

    tasks.labor(parent.pk, SHARED_QUEUE, 1)

    assert wishes == [True, True]
    rows = Worker.objects.laborers().order_by("pk")
    assert [(row.parent_id, row.ended_at is None) for row in rows] == [(parent.pk, False)] * 2


def test_stop_is_written_down_at_once_and_whoever_dies_of_an_error_says_of_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = make_worker()
    tokens: list[str] = []

    def take_calls(_queue: str, _wants_to_stop: object) -> None:
        tokens.append(tasks._presence.recorder.token)
        os.kill(os.getpid(), signal.SIGTERM)
        raise KeyError("wonder")

    monkeypatch.setattr(queue, "work_off", take_calls)
    keep_globals(monkeypatch)

    with pytest.raises(KeyError):
        tasks.labor(parent.pk, SHARED_QUEUE, 1)

    flight = recorder.read_flight(tokens[0])
    tasks._presence.end()
    assert (flight.stop_signal, flight.error["types"][0], flight.error["fatal"]) == (15, "KeyError", True)


def test_lanes_error_stands_no_longer_once_its_session_has_failed(
    work: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session()
    make_batch(session=session)

    def break_down(_batch: Batch, _work: Slice) -> None:
        raise KeyError("wonder")

    monkeypatch.setattr(runner, "run_batch", break_down)

    tasks.run_lane(str(session.pk), 0)

    error = recorder.read_flight(work.presence.recorder.token).error
    assert (error["types"], error["stands"]) == (["KeyError", "LookupError"], False)


def test_worker_does_not_register_anew_when_its_parent_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = make_worker()

    def lose_parent(_queue: str, _wants_to_stop: object) -> None:
        parent.end()

    keep_globals(monkeypatch)
    monkeypatch.setattr(queue, "work_off", lose_parent)

    tasks.labor(parent.pk, SHARED_QUEUE, 1)

    assert Worker.objects.laborers().count() == 1


def test_worker_is_buried_with_the_exit_code_that_its_cluster_saw() -> None:
    parent = make_worker()
    session = make_session(stage=Stage.RUNNING)
    dead = make_dead(parent=parent, lane_session=session)
    batch = make_batch(session=session, worker=dead)

    tasks.on_worker_death(parent.pk, dead.pid, -11)
    tasks.on_worker_death(parent.pk, dead.pid, -11)

    batch.refresh_from_db()
    (crash,) = Crash.objects.order_by("pk")
    assert (batch.status, batch.lease, crash.session) == (BatchStatus.QUEUED, 2, session)
    assert crash.crash_type == "application_crash"
    assert crash.evidence[:2] == [
        f"A worker {dead.pid} on {dead.host} ended without saying so.",
        "It was ended by signal 11 (SIGSEGV).",
    ]
