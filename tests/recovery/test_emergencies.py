"""A session that fails leaves an emergency checkpoint that says why, and goes on later; whoever made it fail."""

from pathlib import Path

import pytest
from pytest_django import Settings

from processing import parent, runner, tasks
from processing.management.attendance import new_parent
from processing.models import Batch, ProcessingSession, StepRefused
from processing.states import BatchKind, BatchStatus, Hold, Stage, Status
from recovery import checkpoints, detection, seal
from recovery.models import Checkpoint
from tests.factories import make_batch, make_session, make_worker
from tests.slices import live_rows, refuse_to_open, scanned_session, work_off, worker_slice, write_photos

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


def emergencies(session: ProcessingSession) -> list[object]:
    """Give of each emergency checkpoint whether its state and its note name the session's error."""
    session.refresh_from_db()
    found = Checkpoint.objects.filter(session=session, checkpoint_type="emergency").order_by("pk")
    return [(seal.open_state(one)["last_error"], one.note) == (session.last_error,) * 2 for one in found]


def test_error_of_the_source_leaves_an_emergency_checkpoint_with_its_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SOURCE_TRIES_MAX", 1)
    session = scanned_session(write_photos(tmp_path / "source", 4), batch_size=4, checkpoint_interval=2)
    refuse_to_open(monkeypatch, "03.jpg", 5, 1)

    work_off(session)

    made = Checkpoint.objects.get(session=session, checkpoint_type="emergency")
    state = seal.open_state(made)
    assert (session.status, emergencies(session)) == (Status.FAILED, [True])
    assert "03.jpg cannot be read" in state["last_error"]
    assert (state["current_batch"], state["current_image_index"], state["errors_count"]) == (1, 2, 1)
    assert made.last_result == live_rows(session, "pk")[-1]
    session.recover()
    work_off(session)
    assert session.status == Status.COMPLETED


def test_error_that_nobody_expected_leaves_an_emergency_checkpoint() -> None:
    session = make_session()
    with worker_slice() as work:
        make_batch(session=session, worker=work.presence.row)

        tasks._fail_held(work.presence, KeyError("wonder"))

    assert emergencies(session) == [True]


def test_stage_that_cost_three_workers_leaves_an_emergency_checkpoint() -> None:
    session = make_session(stage=Stage.SCANNING)
    batch = make_batch(session=session, kind=BatchKind.SCAN)

    for _ in range(3):
        worker = make_worker(parent=make_worker())
        Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.LEASED, worker=worker)
        detection.bury(worker, -9)

    assert emergencies(session) == [True]


def test_crash_loop_leaves_an_emergency_checkpoint_of_each_session_that_it_fails() -> None:
    first, cancelled, second = make_session(), make_session(hold=Hold.CANCELLED), make_session()
    alarm = new_parent(1)._alarm

    parent._fail_all([first, cancelled, second], "Workers died.", alarm)

    assert [emergencies(one) for one in (first, cancelled, second)] == [[True], [], [True]]


def test_no_emergency_checkpoint_is_left_when_the_session_did_not_fail() -> None:
    session = make_session(hold=Hold.FAILED)

    with pytest.raises(StepRefused):
        session.fail("again", checkpoints.sound_alarm)

    assert emergencies(session) == []


def test_session_does_not_fail_half_when_the_alarm_breaks() -> None:
    session = make_session()

    def break_down(_session: ProcessingSession, _error: str) -> None:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        session.fail("an error", break_down)

    session.refresh_from_db()
    assert (session.status, session.last_error) == (Status.RUNNING, "")


def test_workers_checkpoints_tell_what_the_worker_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 4), batch_size=4, checkpoint_interval=2)
    with worker_slice() as work:
        monkeypatch.setattr(tasks, "_presence", work.presence)
        # Those of the module live as long as this process, and their connection knows one database only.
        monkeypatch.setattr(tasks, "pipeline", work.pipeline)
        monkeypatch.setattr(tasks, "decoders", lambda: work.decoders)
        monkeypatch.setattr(tasks, "writer", lambda: work.writer)
        work.presence.recorder.note_error(OSError(5, "Input/output error"))
        work.presence.beat()

        tasks.run_lane(str(session.pk), 0)

    state = seal.open_state(Checkpoint.objects.get(session=session, checkpoint_type="image"))
    assert (state["errors_count"], state["last_error"]) == (1, "[Errno 5] Input/output error")
    assert state["memory_bytes"] == work.presence.telemetry["rss_bytes"] > 0
    assert (state["rate_per_s"] > 0, 0 <= state["device_utilization"] <= 1) == (True, True)
