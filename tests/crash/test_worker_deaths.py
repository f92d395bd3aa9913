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


def kill_idle_workers(studio: Studio, victims_count: int) -> None:
    """Kill some of the two workers of a cluster once both live and have nothing to do; wait for their burial."""
    until(lambda: len(studio.laborers()) == 2 and not Worker.objects.exclude(lane_session=None).exists())
    victims = studio.laborers()[:victims_count]
    for victim in victims:
        kill(victim.pid)
    until(lambda: not Worker.objects.living().filter(pk__in=[one.pk for one in victims]).exists())


def busy_worker() -> Worker | None:
    """Give a worker that holds a batch of photos of which some are stored and some are not."""
    batch = Batch.objects.leased().filter(kind="photos", processed__gt=0).order_by("number").first()
    return None if batch is None or batch.processed == batch.photos_count else batch.worker


def test_work_offered_later_is_done_when_idle_workers_were_killed(studio: Studio, undisturbed: str) -> None:
    workers = studio.start("workers", "--workers", "2")

    for victims_count in (1, 2):
        kill_idle_workers(studio, victims_count)
        studio.process("--detach").end()
        until(lambda: studio.session().status == Status.COMPLETED)

    workers.send(signal.SIGTERM)
    assert workers.end() == 0, workers.log()
    assert_exact(studio, undisturbed)
    assert ProcessingSession.objects.filter(stage="completed").count() == 2
    assert list(Crash.objects.values_list("session", flat=True)) == [None] * 3


def test_busy_worker_is_taken_over_when_killed(studio: Studio, undisturbed: str) -> None:
    run = studio.process()
    victim = until(busy_worker)

    kill(victim.pid)
    until(lambda: Worker.objects.get(pk=victim.pk).ended_at, TAKEOVER_S)

    assert run.end() == 0, run.log()
    session = assert_exact(studio, undisturbed)
    crash = Crash.objects.get()
    assert (crash.worker_id, crash.session_id, crash.interrupts) == (victim.pk, session.pk, False)
    assert crash.evidence[1] == "It was ended by signal 9 (SIGKILL)."
    assert run.lines("summary")[0]["analysed_twice"] < 2 * session.checkpoint_interval
    assert ProcessingSession.objects.count() == 1
