"""`serve --unattended`: what was killed whole goes on without anybody being asked, and ends as if nothing had been."""

import signal

import pytest

from processing.states import Status
from recovery.models import AuditEntry, Crash, RecoveryAttempt
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, kill, until
from tests.crash.test_parent_deaths import free_port, wait_for_results

pytestmark = [pytest.mark.kill, pytest.mark.vendor("sqlite")]


def serve_unattended(studio: Studio) -> Run:
    """Start it; AUTO_RECOVER is not set."""
    return studio.start("serve", "--unattended", "--bind", f"127.0.0.1:{free_port()}", "--workers", "2")


def assert_completed_under(serve: Run, studio: Studio, expected: str) -> None:
    """Wait for the session's end, stop the server politely, and compare with an undisturbed run."""
    until(lambda: studio.session().status == Status.COMPLETED)
    serve.send(signal.SIGTERM)
    assert serve.end() == 0, serve.log()
    assert_exact(studio, expected)


def test_interrupted_session_is_recovered_without_asking_when_everything_was_killed(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process()
    wait_for_results(run)
    studio.kill_everything()

    serve = serve_unattended(studio)

    assert_completed_under(serve, studio, undisturbed)
    assert [(crash.interrupts, crash.worker.pid) for crash in Crash.objects.order_by("pk")] == [
        (True, run.pid)
    ]
    (recovery,) = RecoveryAttempt.objects.order_by("pk")
    assert recovery.session == studio.session()
    recorded = AuditEntry.objects.filter(action="recover").order_by("number")
    assert list(recorded.values_list("actor", "session", "outcome")) == [
        ("automatic", recovery.session_id, "done")
    ]


def test_session_goes_on_under_the_server_when_a_command_beside_it_was_killed_whole(
    studio: Studio, undisturbed: str
) -> None:
    serve = serve_unattended(studio)
    until(lambda: len(studio.laborers_of(serve)) == 2)
    run = studio.process()
    until(lambda: studio.laborers_of(run))
    wait_for_results(run)

    own = [run.pid, *(worker.pid for worker in studio.laborers_of(run))]
    for pid in own:
        kill(pid)
    run.end()

    assert_completed_under(serve, studio, undisturbed)
    assert Crash.objects.filter(interrupts=True).count() == 0
    assert (studio.session().attempt, RecoveryAttempt.objects.count()) == (0, 0)
