"""Polite stops: what is analyzed is committed, the rest stays pending, and the next start goes on."""

import signal

import pytest

from processing.models import Batch, ImageResult, Worker
from processing.states import Status
from recovery.models import AuditEntry, Crash
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, until
from tests.crash.victim import Deed

pytestmark = pytest.mark.kill


def wait_for_results(run: Run) -> None:
    """Wait until a photo is stored and more are under way."""
    until(lambda: ImageResult.objects.exists() and Batch.objects.leased().exists())
    assert run.process.poll() is None, run.log()


def assert_drained(studio: Studio) -> None:
    """Assert that a stop left no lease, no living row, no crash and no process."""
    assert Batch.objects.leased().count() == 0
    assert Worker.objects.living().count() == 0
    assert Crash.objects.count() == 0
    until(lambda: not studio.processes())


def test_process_drains_and_pauses_its_session_when_it_is_stopped(studio: Studio, undisturbed: str) -> None:
    run = studio.process()
    wait_for_results(run)

    run.send(signal.SIGTERM)

    assert run.end() == 143, run.log()
    assert_drained(studio)
    assert studio.session().status == Status.PAUSED
    assert run.lines("summary")[0]["analysed_twice"] == 0
    studio.finish("resume", "latest", "--wait", "--workers", "2")
    assert list(AuditEntry.objects.order_by("number").values_list("action", "outcome")) == [
        ("session", "done"),
        ("pause", "done"),
        ("resume", "done"),
    ]
    assert_exact(studio, undisturbed)


def test_workers_drain_and_go_on_at_the_next_start_when_everything_gets_the_signal(
    studio: Studio, undisturbed: str
) -> None:
    studio.process("--detach").end()
    first = studio.start("workers", "--workers", "2")
    wait_for_results(first)

    studio.signal_everything(signal.SIGTERM)

    assert first.end() == 0, first.log()
    assert_drained(studio)
    assert studio.session().status == Status.RUNNING
    second = studio.start("workers", "--workers", "2")
    until(lambda: studio.session().status == Status.COMPLETED)
    second.send(signal.SIGTERM)
    assert second.end() == 0, second.log()
    assert_exact(studio, undisturbed)


@pytest.mark.vendor("sqlite")
def test_second_signal_ends_everything_at_once_and_nothing_is_lost(studio: Studio, undisturbed: str) -> None:
    stuck = Deed("processing.runner.PhotoRun._measure", call=8, act="hang")
    run = studio.process(plan=[stuck])
    until(lambda: stuck.was_done(studio.ledger))

    run.send(signal.SIGINT)
    until(lambda: studio.session().status == Status.PAUSED)
    run.send(signal.SIGINT)

    assert run.end(5) == 130, run.log()
    assert Batch.objects.leased().count() == 0
    assert Worker.objects.living().count() == 0
    studio.recover()
    assert_exact(studio, undisturbed)


@pytest.mark.vendor("sqlite")
def test_polite_stop_is_no_crash_when_it_meets_a_worker_that_starts(studio: Studio, undisturbed: str) -> None:
    starts = Deed("processing.worker.Presence.register", "after", act="stop")

    run = studio.process(plan=[starts])

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.count() == 0


@pytest.mark.vendor("sqlite")
def test_session_is_paused_when_the_signal_comes_at_its_first_moment(
    studio: Studio, undisturbed: str
) -> None:
    begins = Deed("processing.worker.Presence.register", "after", act="stop", process="parent")

    run = studio.process(plan=[begins])

    assert run.end() == 143, run.log()
    assert_drained(studio)
    assert studio.session().status == Status.PAUSED
