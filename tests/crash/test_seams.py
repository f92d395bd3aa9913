"""Death just before or after each step that moves work: one run meets them all, and a fresh process goes on."""

import pytest

from processing.models import Batch, ProcessingSession, Worker
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio
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


def deeds_done(studio: Studio, plan: list[Deed]) -> list[Deed]:
    """Give the deeds that took place: those whose call was reached."""
    return [deed for deed in plan if (studio.ledger / deed.name).stat().st_size >= deed.call]


@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_is_lost_or_doubled_when_workers_die_at_each_seam(
    studio: Studio, undisturbed: str, when: str
) -> None:
    plan = [Deed(seam, when, call) for seam, call in SEAMS.items()]

    run = studio.process(plan=plan)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert deeds_done(studio, plan) == plan
    assert Worker.objects.living().count() == 0
    assert Batch.objects.leased().count() == 0
    assert RecoveryAttempt.objects.count() == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("seam", ["processing.parent.Parent.register", "processing.parent.sweep"])
def test_session_is_there_whole_or_not_at_all_when_its_start_is_killed(
    studio: Studio, undisturbed: str, seam: str, when: str
) -> None:
    run = studio.process(plan=[Deed(seam, when, process="parent")])
    assert run.end() == -9

    if ProcessingSession.objects.exists():
        again = studio.recover()
    else:
        again = studio.process()
        assert again.end() == 0, again.log()

    assert_exact(studio, undisturbed)
    assert Crash.objects.filter(interrupts=True).count() == 0
