"""Several sessions and several workers at once: shared fairly, held without touching each other."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.states import Status
from recovery.models import Crash
from tests.crash.proof import assert_exact, assert_session_exact
from tests.crash.studio import SMALL_STEPS, Studio, until

pytestmark = [pytest.mark.kill, pytest.mark.vendor("postgresql")]


def stored(session: ProcessingSession) -> int:
    """Count a session's stored photos."""
    return ImageResult.objects.live().filter(session=session).count()


def test_two_sessions_share_two_workers(studio: Studio, undisturbed: str) -> None:
    for name in ("first", "second"):
        studio.finish("process", str(studio.photos), "--detach", "--new", "--name", name, *SMALL_STEPS)
    first, second = ProcessingSession.objects.order_by("created_at")
    workers = studio.start("workers", "--workers", "2", VICTIM_LANE_SLICE_S="0.5")

    until(lambda: stored(second) > 0)
    assert ProcessingSession.objects.get(pk=first.pk).status != Status.COMPLETED

    until(lambda: ProcessingSession.objects.filter(stage="completed").count() == 2)
    workers.send(signal.SIGTERM)
    assert workers.end() == 0, workers.log()
    for session in (first, second):
        assert_session_exact(session, undisturbed)
        assert Batch.objects.filter(session=session, lease__gt=1, kind="photos").count() == 0
    assert Crash.objects.count() == 0
    batches_count = Batch.objects.filter(kind="photos").count()
    assert Counter(workers.logged()) == {"scan ended": 2, "batch worked off": batches_count}


def test_process_beside_workers_has_its_own_until_its_parent_is_killed(
    studio: Studio, undisturbed: str
) -> None:
    shared = studio.start("workers", "--workers", "1")
    until(lambda: studio.laborers_of(shared))
    run = studio.process()
    parents: set[int | None] = set()

    def has_results() -> bool:
        lanes = Worker.objects.exclude(lane_session=None)
        parents.update(lanes.values_list("parent__pid", flat=True))
        return ImageResult.objects.count() >= 10

    until(has_results)
    assert parents == {run.pid}
    run.send(signal.SIGKILL)
    run.end()

    until(lambda: studio.session().status == Status.COMPLETED)
    shared.send(signal.SIGTERM)
    assert shared.end() == 0, shared.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.filter(interrupts=True).count() == 0
    assert Crash.objects.filter(session=studio.session(), worker__parent=None).count() == 1


def test_pause_resume_and_cancel_reach_running_workers(
    studio: Studio, undisturbed: str, tmp_path: Path
) -> None:
    workers = studio.start("workers", "--workers", "2")
    studio.process("--detach").end()
    session = studio.session()
    until(lambda: stored(session) > 0)

    session.pause(why="test")
    at_pause = stored(session)
    until(lambda: not Batch.objects.leased().exists())

    assert stored(session) - at_pause <= 2 * 2 * session.checkpoint_interval
    assert studio.session().status == Status.PAUSED
    studio.finish("resume", "latest")
    until(lambda: studio.session().status == Status.COMPLETED)
    studio.finish("process", str(studio.photos), "--detach", *SMALL_STEPS)
    cancelled = studio.session()
    until(lambda: stored(cancelled) > 0)
    studio.finish("cancel", "latest", "--wait")
    at_cancel = stored(cancelled)
    workers.send(signal.SIGTERM)
    assert workers.end() == 0, workers.log()
    assert stored(cancelled) == at_cancel
    assert cancelled.pk != session.pk
    assert_session_exact(session, undisturbed)
