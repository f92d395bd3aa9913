"""Continuing: who may, what it changes, and where it goes on."""

import pytest

from processing.models import Batch, ProcessingSession, StepRefused, Worker
from processing.states import Stage, Status
from recovery.models import Crash, RecoveryAttempt
from recovery.resume import Recovered, execute_continue, start_index
from recovery.statistics import totals_of
from tests.factories import make_batch, make_crash, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db


def half_done(**columns: object) -> tuple[ProcessingSession, Batch]:
    """Make a session of two batches of four: one finished, one with two verdicts, held by a worker."""
    session = make_session(total=8, found_count=8, **columns)
    worker = make_worker()
    first, second = (make_batch(session=session, worker=worker) for _ in range(2))
    first.commit(make_results(batch=first, photos_count=4), no_seal)
    second.commit(make_results(batch=second, photos_count=2), no_seal)
    session.refresh_from_db()
    return session, second


@pytest.mark.parametrize("step", ["latch", "pause", "fail", None])
def test_continue_sets_an_interrupted_paused_failed_or_waiting_session_going(step: str | None) -> None:
    session, held = half_done()
    if step is not None:
        session.fail("no disk") if step == "fail" else getattr(session, step)()

    recovered = execute_continue(session, by="ada")

    held.refresh_from_db()
    assert (session.status, session.attempt, session.crashed_at) == (Status.RUNNING, 1, None)
    assert (held.status, held.lease) == ("queued", 2)
    assert recovered == Recovered(
        attempt=1,
        option="continue",
        message="The session goes on from photo 6: 6 verdicts kept, 2 photos left.",
        start_index=6,
        keep=6,
        redo=0,
        left=2,
    )
    attempt = RecoveryAttempt.objects.get()
    assert (attempt.session, attempt.number, attempt.option, attempt.by) == (session, 1, "continue", "ada")


@pytest.mark.parametrize("kind", ["worker in a lane", "parent of its own"])
def test_continue_is_refused_while_someone_is_at_it(kind: str) -> None:
    session, held = half_done()
    if kind == "worker in a lane":
        make_worker(parent=make_worker(), lane_session=session)
    else:
        make_worker(serves=session)

    with pytest.raises(StepRefused, match="Workers are at it; pause it first"):
        execute_continue(session)

    held.refresh_from_db()
    assert (held.status, RecoveryAttempt.objects.count()) == ("leased", 0)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELLED])
def test_continue_is_refused_when_the_session_is_finished(status: Status) -> None:
    session = make_session(stage=Stage.COMPLETED if status == Status.COMPLETED else Stage.RUNNING)
    if status == Status.CANCELLED:
        session.cancel()

    with pytest.raises(StepRefused):
        execute_continue(session)

    assert (session.status, RecoveryAttempt.objects.count()) == (status, 0)


def test_continue_closes_the_sessions_open_crashes_and_no_other() -> None:
    session, _ = half_done()
    worker = make_worker()
    mine = make_crash(worker=worker, session=session)
    others = make_crash(worker=worker, session=make_session())
    session.latch()

    execute_continue(session)

    mine.refresh_from_db()
    others.refresh_from_db()
    assert (mine.closed_at is None, mine.closed_by) == (False, RecoveryAttempt.objects.get())
    assert (others.closed_at, others.closed_by) == (None, None)
    assert totals_of(session) == {"crashes": 1, "recoveries": 1, "analysed_twice": 0}


def test_continue_adds_the_parent_that_will_serve_the_session_in_the_same_transaction() -> None:
    session, _ = half_done()
    session.latch()

    execute_continue(session, register=lambda locked: make_worker(serves=locked))

    assert Worker.objects.filter(serves=session).count() == 1


def test_nothing_has_changed_when_the_parent_cannot_be_added() -> None:
    session, held = half_done()
    make_crash(worker=make_worker(), session=session)
    session.latch()

    def fail(_session: ProcessingSession) -> Worker:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        execute_continue(session, register=fail)

    session.refresh_from_db()
    held.refresh_from_db()
    assert (session.status, session.attempt, held.status) == (Status.INTERRUPTED, 0, "leased")
    assert (RecoveryAttempt.objects.count(), Crash.objects.filter(closed_at=None).count()) == (0, 1)


def test_second_recovery_has_the_next_number() -> None:
    session, _ = half_done()

    numbers = []
    for _ in range(2):
        session.latch()
        numbers.append(execute_continue(session).attempt)

    assert numbers == [1, 2]


def test_start_index_is_the_lowest_photo_without_a_verdict() -> None:
    session = make_session(total=8, found_count=8)
    batch = make_batch(session=session, worker=make_worker())
    make_batch(session=session)
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    rows = make_results(batch=batch, photos_count=3)
    batch.commit(rows[2:], no_seal)

    assert start_index(session) == 1


@pytest.mark.parametrize(("stage", "found_count"), [(Stage.SCANNING, 0), (Stage.COMPARING, 4)])
def test_start_index_is_the_number_of_photos_when_none_is_left(stage: Stage, found_count: int) -> None:
    session = make_session(stage=stage, found_count=found_count)
    make_batch(session=session, kind="scan" if stage == Stage.SCANNING else "compare")

    assert start_index(session) == found_count
