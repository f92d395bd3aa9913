"""A worker that is killed: idle or busy, nobody waits for it, and another one takes over."""

import signal

import pytest

from processing.models import Batch, ProcessingSession, Worker
from processing.states import Status
from recovery.models import Crash
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, kill, until

pytestmark = pytest.mark.kill

TAKEOVER_S = 2.0


def idle_workers(studio: Studio) -> list[Worker]:
    """Give the two workers of a cluster once both live and have nothing to do."""
    until(lambda: len(studio.laborers()) == 2)
    return studio.laborers()


def busy_worker() -> Worker | None:
    """Give a worker that holds a batch of photos of which some are stored and some are not."""
    batch = Batch.objects.leased().filter(kind="photos", processed__gt=0).order_by("number").first()
    return None if batch is None or batch.processed == batch.photos_count else batch.worker


@pytest.mark.parametrize("victims_count", [1, 2])
def test_work_offered_later_is_done_when_idle_workers_were_killed(
    studio: Studio, undisturbed: str, victims_count: int
) -> None:
    workers = studio.start("workers", "--workers", "2")
    for victim in idle_workers(studio)[:victims_count]:
        kill(victim.pid)

    studio.process("--detach").end()

    until(lambda: studio.session().status == Status.COMPLETED)
    workers.send(signal.SIGTERM)
    assert workers.end() == 0, workers.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.filter(session=None).count() == victims_count


def test_busy_worker_is_taken_over_when_killed(studio: Studio, undisturbed: str) -> None:
    run = studio.process()
    victim = until(busy_worker)

    kill(victim.pid)
    until(lambda: Worker.objects.get(pk=victim.pk).ended_at, TAKEOVER_S)

    assert run.end() == 0, run.log()
    session = assert_exact(studio, undisturbed)
    crash = Crash.objects.get()
    assert (crash.worker_id, crash.session_id, crash.interrupts) == (victim.pk, session.pk, False)
    assert crash.evidence[1] == "It was ended by signal 9."
    assert run.lines("summary")[0]["analysed_twice"] < 2 * session.checkpoint_interval
    assert ProcessingSession.objects.count() == 1
