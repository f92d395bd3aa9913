"""Death just before or after each step that moves work: one run meets them all, and a fresh process goes on."""

import signal

import pytest

from processing.models import Batch, ProcessingSession, Worker
from processing.states import Status
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, until
from tests.crash.victim import Deed

pytestmark = pytest.mark.kill

# Seam -> the call at which to die. A scan or a comparison that costs three workers fails, so neither meets a third.
SEAMS = {
    "processing.queue.LaneBroker.dequeue": 1,
    "processing.models.worker.Worker.enter_lane": 1,
    "processing.scan._store": 1,
    "processing.models.batch.BatchQuerySet.claim": 4,
    "processing.models.batch.Batch.commit": 2,
    "processing.models.result.ResultQuerySet.bulk_create": 4,
    "processing.models.session.ProcessingSession.advance_locked": 2,
    "recovery.checkpoints.take": 6,
    "processing.burial.bury": 3,
    "processing.models.session.ProcessingSession.absorb": 2,
    "processing.runner.run_compare": 1,
    "processing.models.session.ProcessingSession.complete": 1,
}


@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_is_lost_or_doubled_when_workers_die_at_each_seam(
    studio: Studio, undisturbed: str, when: str
) -> None:
    plan = [Deed(seam, when, call) for seam, call in SEAMS.items()]

    run = studio.process(plan=plan)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert [deed for deed in plan if not deed.was_done(studio.ledger)] == []
    assert Worker.objects.living().count() == 0
    assert Batch.objects.leased().count() == 0
    assert RecoveryAttempt.objects.count() == 0


def test_start_and_recovery_happen_whole_or_not_at_all_when_they_are_killed(
    studio: Studio, undisturbed: str
) -> None:
    die(studio, "process", "processing.parent.Parent.register", "after")
    assert ProcessingSession.objects.count() == 0

    die(studio, "process", "processing.parent.sweep", "after")
    session = studio.session()
    assert (session.status, session.attempt) == (Status.SCANNING, 0)

    die(studio, "recover", "processing.models.session.ProcessingSession.recover", "after")
    assert (studio.session().attempt, RecoveryAttempt.objects.count()) == (0, 0)

    die(studio, "recover", "processing.parent.Parent.run", "before")
    assert (studio.session().attempt, RecoveryAttempt.objects.count()) == (1, 1)

    recovery = studio.recover()
    assert recovery.lines("recovery")[0]["attempt"] == 2
    assert_exact(studio, undisturbed)
    assert Crash.objects.filter(interrupts=True).count() == 0


def die(studio: Studio, command: str, seam: str, when: str) -> None:
    """Start a command that kills itself at a seam in its own process, before any worker exists."""
    plan = [Deed(seam, when, process="parent")]
    if command == "process":
        run = studio.process(plan=plan)
    else:
        run = studio.start("recover", "latest", "--yes", "--wait", plan=plan)
    assert run.end() == -signal.SIGKILL, run.log()
    until(lambda: not studio.processes())
