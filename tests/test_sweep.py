"""The sweep offers exactly the lanes that are missing, and moves stages that are due."""

from pathlib import Path

import pytest

from processing import queue
from processing.models import Batch, ProcessingSession, Worker
from processing.queue import SHARED_QUEUE, LaneBroker, offer_lane, private_queue, unstarted_lanes
from processing.scan import run_scan
from processing.states import BatchKind, BatchStatus, Stage, Status
from processing.sweep import sweep
from tests.factories import make_batch, make_session, make_worker, no_seal
from tests.folders import put
from tests.scans import always, start_session

pytestmark = pytest.mark.django_db


def session_with_work(**columns: object) -> ProcessingSession:
    """Make a running session with two batches to take."""
    session = make_session(**columns)
    make_batch(session=session)
    make_batch(session=session)
    return session


def attended_session(folder: Path) -> tuple[ProcessingSession, Worker, Worker]:
    """Start a session over a JPEG and a PNG with a parent of its own; give them and a worker of that one."""
    put(folder, "source/a.jpg", "source/b.png")
    session = start_session(folder / "source")
    parent = make_worker(serves=session)
    return session, parent, make_worker(parent=parent)


def scan(session: ProcessingSession, worker: Worker) -> None:
    """Let a worker scan the session's folder."""
    batch = Batch.objects.claim(session.pk, worker)
    assert batch is not None
    run_scan(batch, keep_going=always, seal=no_seal)


def parent_with_workers(workers_count: int, **columns: object) -> Worker:
    """Make a living parent with some workers."""
    parent = make_worker(**columns)
    for _ in range(workers_count):
        make_worker(parent=parent)
    return parent


def test_sweep_offers_as_many_lanes_as_there_are_workers() -> None:
    session = session_with_work()

    sweep(parent_with_workers(3), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 3


def test_sweep_offers_no_more_lanes_than_the_session_wants() -> None:
    session = session_with_work(lanes=2)

    sweep(parent_with_workers(3), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 2


def test_sweep_offers_one_lane_when_no_worker_has_come_alive_yet() -> None:
    session = session_with_work()

    sweep(make_worker(), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 1


def test_sweep_offers_nothing_twice() -> None:
    session = session_with_work()
    parent = parent_with_workers(3)
    offer_lane(SHARED_QUEUE, session.pk, 0)
    Worker.objects.filter(pk=Worker.objects.laborers().order_by("pk")[0].pk).update(lane_session=session)

    sweep(parent, SHARED_QUEUE)
    sweep(parent, SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 2


def test_sweep_makes_a_lost_message_again_and_a_doubled_one_changes_nothing() -> None:
    session = session_with_work()
    parent = parent_with_workers(2)
    sweep(parent, SHARED_QUEUE)

    LaneBroker(SHARED_QUEUE).dequeue()
    sweep(parent, SHARED_QUEUE)
    after_loss = unstarted_lanes(SHARED_QUEUE, session.pk)
    offer_lane(SHARED_QUEUE, session.pk, 0)
    sweep(parent, SHARED_QUEUE)

    assert (after_loss, unstarted_lanes(SHARED_QUEUE, session.pk)) == (2, 3)


@pytest.mark.parametrize("step", ["pause", "cancel", "latch"])
def test_sweep_offers_nothing_when_the_session_is_held_or_latched(step: str) -> None:
    session = session_with_work()
    getattr(session, step)()

    sweep(make_worker(), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_sweep_offers_nothing_when_no_batch_can_be_taken() -> None:
    session = make_session()
    worker = make_worker(parent=make_worker())
    make_batch(session=session, worker=worker)

    sweep(make_worker(), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 0


def test_session_with_a_living_parent_of_its_own_is_offered_by_that_one_alone() -> None:
    session = session_with_work()
    own, shared = make_worker(serves=session), make_worker()

    sweep(shared, SHARED_QUEUE)
    sweep(own, private_queue(own.token))

    assert (
        unstarted_lanes(SHARED_QUEUE, session.pk),
        unstarted_lanes(private_queue(own.token), session.pk),
    ) == (0, 1)


def test_session_is_offered_by_all_when_its_own_parent_has_ended() -> None:
    session = session_with_work()
    make_worker(serves=session).end()

    sweep(make_worker(), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 1


def test_parent_of_one_session_offers_no_other() -> None:
    other = session_with_work()

    sweep(make_worker(serves=session_with_work()), SHARED_QUEUE)

    assert unstarted_lanes(SHARED_QUEUE, other.pk) == 0


def test_sweep_moves_a_stage_that_is_due_and_offers_what_follows() -> None:
    session = make_session(stage=Stage.SCANNING)
    make_batch(session=session, kind="scan", status=BatchStatus.DONE)
    make_batch(session=session, status=BatchStatus.DONE, processed=4, approved=4)

    sweep(make_worker(), SHARED_QUEUE)

    session.refresh_from_db()
    assert session.status == Status.COMPARING
    assert [batch.kind for batch in Batch.objects.queued()] == ["compare"]
    assert unstarted_lanes(SHARED_QUEUE, session.pk) == 1


def test_photos_of_an_attended_session_are_claimed_only_after_they_were_announced(tmp_path: Path) -> None:
    session, parent, worker = attended_session(tmp_path)
    own_queue, announced = private_queue(parent.token), []
    scan(session, worker)
    claimed_early = Batch.objects.claim(session.pk, worker)

    def announce(listed: ProcessingSession) -> None:
        lanes_count = unstarted_lanes(own_queue, listed.pk)
        claimed = Batch.objects.claim(listed.pk, worker)
        announced.append((listed.found_count, listed.doomed_counts, lanes_count, claimed))

    sweep(parent, own_queue, announce)

    photos = Batch.objects.claim(session.pk, worker)
    assert (claimed_early, announced) == (None, [(2, {"not_jpeg": 1}, 0, None)])
    assert photos is not None
    assert (photos.kind, unstarted_lanes(own_queue, session.pk)) == (BatchKind.PHOTOS, 1)


def test_announcement_holds_the_last_counts_when_the_scan_ends_while_the_sweep_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, parent, worker = attended_session(tmp_path)
    is_listed, announced = ProcessingSession.is_listed, []

    def end_scan_first(row: ProcessingSession) -> bool:
        scan(session, worker)
        return is_listed(row)

    monkeypatch.setattr(ProcessingSession, "is_listed", end_scan_first)

    sweep(parent, private_queue(parent.token), lambda listed: announced.append(listed.found_count))

    assert announced == [2]


def test_session_that_goes_on_is_announced_before_its_first_lane_is_offered() -> None:
    session, lanes_counts = session_with_work(), []
    parent = make_worker(serves=session)

    sweep(parent, "own", lambda listed: lanes_counts.append(unstarted_lanes("own", listed.pk)))

    assert [*lanes_counts, unstarted_lanes("own", session.pk)] == [0, 1]


def test_session_is_not_announced_before_its_scan_has_ended(tmp_path: Path) -> None:
    session, parent, _worker = attended_session(tmp_path)
    announced: list[ProcessingSession] = []

    sweep(parent, private_queue(parent.token), announced.append)

    session.refresh_from_db()
    assert (announced, session.status) == ([], Status.SCANNING)


def test_drop_dead_queues_keeps_those_of_the_living_and_the_shared_one() -> None:
    session = session_with_work()
    for name in (private_queue("alive"), private_queue("dead"), SHARED_QUEUE):
        offer_lane(name, session.pk, 0)

    queue.drop_dead_queues({"alive"})

    left = [
        unstarted_lanes(name, session.pk)
        for name in (private_queue("alive"), private_queue("dead"), SHARED_QUEUE)
    ]
    assert left == [1, 0, 1]
