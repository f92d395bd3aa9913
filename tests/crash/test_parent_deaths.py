"""The parent or its cluster is killed: no orphan lives on, and nothing goes on unless a person says so."""

import signal
import socket

import pytest

from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import Status
from recovery.models import Crash
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, kill, until

pytestmark = pytest.mark.kill

ORPHANS_GONE_S = 2.0


def wait_for_results(run: Run, count: int = 1) -> None:
    """Wait until so many photos are stored and more are under way."""
    until(lambda: ImageResult.objects.count() >= count and Batch.objects.leased().exists())
    assert run.process.poll() is None, run.log()


def test_session_is_interrupted_and_goes_on_when_asked_when_its_parent_was_killed(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process()
    wait_for_results(run)

    run.send(signal.SIGKILL)
    run.end()
    until(lambda: not studio.processes(), ORPHANS_GONE_S)

    assert studio.finish("sessions", "--json").lines("session")[0]["status"] == "interrupted"
    kept = set(ImageResult.objects.values_list("pk", flat=True))
    _assert_latched_once(studio)
    recovery = studio.recover()
    session = assert_exact(studio, undisturbed)
    facts = recovery.lines("recovery")[0]
    assert (facts["keep"], facts["redo"], facts["left"]) == (len(kept), 0, session.total - len(kept))
    assert kept <= set(ImageResult.objects.values_list("pk", flat=True))
    summary = recovery.lines("summary")[0]
    assert (summary["crashes"], summary["recoveries"]) == (1, 1)
    assert summary["analysed_twice"] < 2 * 2 * session.checkpoint_interval


def _assert_latched_once(studio: Studio) -> None:
    session = studio.session()
    assert (session.status, session.crashed_at is not None) == (Status.INTERRUPTED, True)
    assert list(Crash.objects.values_list("session_id", "interrupts")) == [(session.pk, True)]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_restarted_serve_never_goes_on_with_an_interrupted_session(studio: Studio, undisturbed: str) -> None:
    studio.process("--detach").end()
    serve = ("serve", "--bind", f"127.0.0.1:{free_port()}", "--workers", "2")
    first = studio.start(*serve)
    wait_for_results(first)
    first.send(signal.SIGKILL)
    first.end()
    kept_count = ImageResult.objects.count()

    second = studio.start(*serve)
    until(lambda: any(worker.beat for worker in studio.laborers_of(second)))

    assert studio.session().status == Status.INTERRUPTED
    assert ImageResult.objects.count() == kept_count
    studio.finish("recover", "latest", "--yes")
    until(lambda: studio.session().status == Status.COMPLETED)
    second.send(signal.SIGTERM)
    assert second.end() == 0, second.log()
    assert "batch worked off" in second.logged()
    assert_exact(studio, undisturbed)


def test_cluster_is_started_again_when_it_was_killed(studio: Studio, undisturbed: str) -> None:
    run = studio.process()
    wait_for_results(run)
    orphans = [worker.pid for worker in studio.laborers()]

    kill(studio.clusters()[0])
    until(lambda: not set(orphans) & set(studio.processes()), ORPHANS_GONE_S)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.filter(interrupts=True).count() == 0
    assert ProcessingSession.objects.get().attempt == 0
