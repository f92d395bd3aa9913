"""Burying is the only way a dead process's work comes back."""

import fcntl
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import burial, recorder, vitals
from processing.burial import Burial
from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession, Worker
from processing.models.commit import Commit
from processing.recorder import FlightRecorder
from processing.states import BatchKind, BatchStatus, Stage, Status, Verdict
from processing.vitals import Vitals
from processing.worker import boot_id
from tests.factories import make_batch, make_results, make_session, make_worker

pytestmark = pytest.mark.django_db(transaction=True)


def no_seal(_commit: Commit) -> None:
    """Make no checkpoint."""


def silent(_burial: Burial) -> None:
    """Record no crash."""


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path


def bury(worker: Worker, exit_code: int | None = None) -> tuple[bool, list[Burial]]:
    """Bury with a list as the record of crashes."""
    found: list[Burial] = []
    done = burial.bury(worker, on_crash=found.append, seal=no_seal, exit_code=exit_code)
    return done, found


def begun_session() -> ProcessingSession:
    """Make a session of which a batch was claimed."""
    session = make_session(stage=Stage.RUNNING, total=4)
    Batch.objects.filter(session=session)
    ProcessingSession.objects.filter(pk=session.pk).update(started_at=session.created_at)
    session.refresh_from_db()
    return session


def leave_flight(worker: Worker, **facts: object) -> None:
    """Leave the last words of a process that is dead: a recorder that nobody locks."""
    one = FlightRecorder()
    one.note(**facts)
    recorder.path_of(one.token).rename(recorder.path_of(worker.token))
    fcntl.flock(one._descriptor, fcntl.LOCK_UN)
    os.close(one._descriptor)


def test_workers_batch_is_queued_under_a_new_lease_when_it_is_buried() -> None:
    parent = make_worker()
    worker = make_worker(parent=parent)
    batch = make_batch(session=begun_session(), worker=worker)

    done, found = bury(worker, -9)

    stored = Batch.objects.get(pk=batch.pk)
    assert (done, stored.status, stored.lease, stored.worker) == (True, BatchStatus.QUEUED, 2, None)
    assert (found[0].exit_code, found[0].interrupted, found[0].with_parent) == (-9, (), False)


def test_holder_writes_nothing_when_it_was_buried() -> None:
    worker = make_worker(parent=make_worker())
    batch = make_batch(session=begun_session(), worker=worker)
    bury(worker)

    with pytest.raises(LeaseLost):
        batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    assert ImageResult.objects.count() == 0


def test_two_readers_bury_one_worker_once() -> None:
    worker = make_worker(parent=make_worker())

    first, second = bury(worker), bury(worker)

    assert (first[0], second[0], len(first[1]), len(second[1])) == (True, False, 1, 0)


def test_session_is_latched_when_its_last_parent_is_buried() -> None:
    session = begun_session()
    parent = make_worker()

    _, found = bury(parent)

    session.refresh_from_db()
    assert (session.status, found[0].interrupted) == (Status.INTERRUPTED, (session.pk,))


def test_session_is_not_latched_while_another_parent_lives() -> None:
    session = begun_session()
    parent = make_worker()
    make_worker()

    bury(parent)

    session.refresh_from_db()
    assert session.status == Status.RUNNING


def test_session_is_not_latched_when_it_was_not_begun() -> None:
    session = make_session(stage=Stage.SCANNING)

    bury(make_worker())

    session.refresh_from_db()
    assert session.status == Status.SCANNING


def test_paused_session_is_not_latched_when_its_parent_dies() -> None:
    session = begun_session()
    session.pause()

    _, found = bury(make_worker(serves=session))

    session.refresh_from_db()
    assert (session.status, found[0].interrupted) == (Status.PAUSED, ())


def test_parents_workers_are_buried_with_it_under_one_crash() -> None:
    parent = make_worker()
    workers = [make_worker(parent=parent), make_worker(parent=parent)]
    session = begun_session()
    batches = [make_batch(session=session, worker=worker) for worker in workers]

    _, found = bury(parent)

    assert Worker.objects.living().count() == 0
    assert [Batch.objects.get(pk=batch.pk).status for batch in batches] == ["queued", "queued"]
    assert len(found) == 1


def test_nothing_is_buried_when_the_record_of_the_crash_fails() -> None:
    worker = make_worker(parent=make_worker())
    batch = make_batch(session=begun_session(), worker=worker)

    def fail(_burial: Burial) -> None:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        burial.bury(worker, on_crash=fail, seal=no_seal)

    assert Worker.objects.living().filter(pk=worker.pk).exists()
    assert Batch.objects.get(pk=batch.pk).lease == 1


def test_discarded_verdicts_are_counted_when_they_were_not_committed() -> None:
    worker = make_worker(parent=make_worker())
    batch = make_batch(session=begun_session(), worker=worker)
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    leave_flight(worker, batch=batch.pk, lease=1, positions=[3], uncommitted=[0, 1, 2])

    _, found = bury(worker, -9)

    assert dict(found[0].discarded) == {batch.session_id: 2}


def die(batch: Batch, exit_code: int | None, *, alone: bool, then: Vitals | None = None) -> Batch:
    """Let a worker die with position 1 of a batch in flight; `then` are the vitals of its last beat."""
    worker = make_worker(parent=make_worker(), boot_id=boot_id())
    Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.LEASED, worker=worker)
    held = Batch.objects.get(pk=batch.pk)
    facts = (then or Vitals()).as_facts()
    leave_flight(worker, batch=held.pk, lease=held.lease, positions=[1], alone=alone, vitals=facts)
    bury(worker, exit_code)
    return Batch.objects.get(pk=batch.pk)


def quarantined(batch: Batch) -> list[int]:
    """Give the positions that were set aside."""
    rows = ImageResult.objects.live().filter(batch=batch, verdict=Verdict.QUARANTINED)
    return list(rows.in_order().values_list("position", flat=True))


@pytest.mark.parametrize("exit_code", [-11, -6, -7, 3, 87])
def test_photo_is_quarantined_when_it_ends_the_worker_twice_the_last_time_alone(exit_code: int) -> None:
    batch = die(make_batch(session=begun_session()), exit_code, alone=False)
    before = quarantined(batch)

    batch = die(batch, exit_code, alone=True)

    assert (before, quarantined(batch), batch.quarantined, batch.processed) == ([], [1], 1, 1)


def test_photo_is_not_quarantined_when_it_was_never_alone_in_flight() -> None:
    batch = make_batch(session=begun_session())

    for _ in range(5):
        batch = die(batch, -11, alone=False)

    assert quarantined(batch) == []


def test_photo_is_quarantined_after_three_unexplained_kills_alone() -> None:
    batch = die(make_batch(session=begun_session()), -9, alone=False)
    for _ in range(2):
        batch = die(batch, -9, alone=True)
    before = quarantined(batch)

    batch = die(batch, -9, alone=True)

    assert (before, quarantined(batch)) == ([], [1])


@pytest.fixture
def kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the kernel counts its kills in the workers' memory group: 3 so far."""
    counter = tmp_path / "cgroup" / "workers" / "memory.events.local"
    counter.parent.mkdir(parents=True)
    counter.write_text("oom_kill 3\n")
    monkeypatch.setattr(vitals, "CGROUP", tmp_path / "cgroup")
    return counter


@pytest.mark.parametrize("exit_code", [-9, None])
def test_photo_is_quarantined_when_the_kernel_killed_its_worker_twice_for_want_of_memory(
    kills: Path, exit_code: int | None
) -> None:
    then = Vitals(own_oom=2, own_oom_path=str(kills))
    batch = die(make_batch(session=begun_session()), exit_code, alone=False, then=then)
    before = quarantined(batch)

    batch = die(batch, exit_code, alone=True, then=then)

    assert (before, quarantined(batch)) == ([], [1])
    note = ImageResult.objects.get(batch=batch).note
    assert note.startswith("The kernel killed the worker for want of memory each time")


@pytest.mark.parametrize(
    "then",
    [{"own_oom": 3}, {"own_oom": None, "host_oom": 0}, {"own_oom": 4}, {"own_oom": 2, "container": "x"}],
)
def test_kill_stays_unexplained_when_the_kernel_killed_elsewhere(
    kills: Path, then: dict[str, int | None]
) -> None:
    batch = make_batch(session=begun_session())

    for _ in range(2):
        batch = die(batch, -9, alone=True, then=Vitals(**then, own_oom_path=str(kills)))

    assert (quarantined(batch), batch.suspects["1"]["blamed"]) == ([], 0)


def test_death_together_with_the_parent_never_counts_against_a_photo() -> None:
    batch = make_batch(session=begun_session())

    for _ in range(5):
        parent = make_worker()
        worker = make_worker(parent=parent)
        Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.LEASED, worker=worker)
        held = Batch.objects.get(pk=batch.pk)
        leave_flight(worker, batch=held.pk, lease=held.lease, positions=[1], alone=True)
        bury(parent)

    assert (quarantined(batch), Batch.objects.get(pk=batch.pk).suspects) == ([], {})


def test_session_fails_when_its_scan_cost_three_workers_without_progress() -> None:
    session = make_session(stage=Stage.SCANNING)
    batch = make_batch(session=session, kind=BatchKind.SCAN)

    for _ in range(3):
        worker = make_worker(parent=make_worker())
        Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.LEASED, worker=worker)
        bury(worker, -9)

    session.refresh_from_db()
    assert (session.status, session.last_error) == (
        Status.FAILED,
        "The scan stage cost 3 workers without progress.",
    )


def test_buried_workers_recorder_is_taken_away() -> None:
    worker = make_worker(parent=make_worker())
    leave_flight(worker, phase="analyze")

    bury(worker)

    assert not recorder.path_of(worker.token).exists()
