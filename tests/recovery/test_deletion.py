"""Deleting a session: all of it goes, nothing else does, and being killed in the middle changes nothing."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Model
from pytest_django import Settings

from processing import pictures
from processing.models import (
    Batch,
    ImageResult,
    LeaseLost,
    Override,
    ProcessingSession,
    SessionNotFound,
    SkippedEntry,
    StepRefused,
    Worker,
)
from processing.overriding import override
from processing.states import Hold, SessionState, Stage, Status, session_states
from recovery import checkpoints, deletion
from recovery.audit import ActRefused
from recovery.deletion import delete_session, remove_strays
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from tests.factories import (
    make_batch,
    make_checkpoint,
    make_crash,
    make_results,
    make_session,
    make_worker,
    no_seal,
)
from tests.racing import overlap

TABLES: tuple[type[Model], ...] = (
    ImageResult,
    Batch,
    Override,
    SkippedEntry,
    Checkpoint,
    Crash,
    RecoveryAttempt,
)


def whole_session(**columns: Any) -> ProcessingSession:
    """Make a completed session with rows in every table, and the ended processes that served it alone."""
    session = make_session(total=8, found_count=8, **columns)
    parent = make_worker(serves=session)
    worker = make_worker(parent=parent)
    batches = [make_batch(session=session, worker=worker) for _ in range(2)]
    for batch in batches:
        batch.commit(make_results(batch=batch, photos_count=4), checkpoints.take)
    override(session, [1, 2], "rejected", by="ada")
    SkippedEntry.objects.create(session=session, path=b"link.jpg", path_text="link.jpg", reason="link")
    make_checkpoint(session=session, checkpoint_type="manual")
    attempt = RecoveryAttempt.objects.create(session=session, number=1, option="continue")
    make_crash(worker=worker, session=session, closed_by=attempt)
    Worker.objects.filter(pk__in=[parent.pk, worker.pk]).update(ended_at="2026-01-01T00:00:00Z")
    ProcessingSession.objects.filter(pk=session.pk).update(stage=Stage.COMPLETED, **columns)
    session.refresh_from_db()
    return session


def rows_of(session: ProcessingSession) -> dict[str, int]:
    """Count a session's rows by table."""
    return {model.__name__: model.objects.filter(session=session.pk).count() for model in TABLES}


def entries() -> list[tuple[str, str | None]]:
    """Read outcome and step of the deletions in the audit log."""
    found = AuditEntry.objects.filter(action="delete").order_by("number")
    return [(outcome, details.get("step")) for outcome, details in found.values_list("outcome", "details")]


@pytest.mark.django_db
@pytest.mark.parametrize("page_rows", [1, 3, 2000])
def test_deletion_removes_all_of_a_session_and_nothing_else(
    page_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "PAGE_ROWS", page_rows)
    session, other = whole_session(), whole_session()
    before, processes = rows_of(other), Worker.objects.count()
    expected = rows_of(session)

    deleted = delete_session(session, by="ada")

    assert deleted == {name.lower(): count for name, count in expected.items()}
    assert all(expected.values())
    assert not ProcessingSession.objects.filter(pk=session.pk).exists()
    assert rows_of(session) == dict.fromkeys(expected, 0)
    assert (rows_of(other), Worker.objects.count()) == (before, processes)
    assert ProcessingSession.objects.get().status == Status.COMPLETED
    assert entries() == [("done", "begin"), ("done", "end")]


@pytest.mark.django_db
def test_deletion_leaves_processes_of_the_past_and_those_at_other_work_unharmed() -> None:
    session = whole_session()
    past = Worker.objects.get(serves=session)
    shared = make_worker()
    laborer = make_worker(parent=shared, lane_session=session)
    elsewhere = make_batch(session=make_session(), worker=laborer)
    crash = make_crash(worker=past, session=elsewhere.session)

    delete_session(session, by="ada")

    past.refresh_from_db()
    laborer.refresh_from_db()
    assert (past.serves, past.ended_at is None) == (None, False)
    assert (laborer.lane_session, laborer.ended_at) == (None, None)
    assert Batch.objects.get(pk=elsewhere.pk).worker == laborer
    assert Crash.objects.get() == crash


def storable_states() -> list[SessionState]:
    """Give the states that a row can be in."""
    plain = SessionState(Stage.COMPLETED, Hold.NONE, latched=False)
    return [state for state in session_states() if state.stage != Stage.COMPLETED or state == plain]


@pytest.mark.django_db
@pytest.mark.parametrize("state", storable_states(), ids=str)
def test_deletion_is_refused_unless_the_session_is_completed_or_cancelled(state: SessionState) -> None:
    session = make_session(
        stage=state.stage, hold=state.hold, crashed_at="2026-01-01T00:00:00Z" if state.latched else None
    )
    may = state.status in (Status.COMPLETED, Status.CANCELLED)

    try:
        delete_session(session, by="ada")
        outcome = "deleted"
    except StepRefused as error:
        outcome = str(error)

    text = (
        f"Session {session.pk} cannot be deleted: it is {state.status.value}. Only a completed or a cancelled"
    )
    assert outcome == ("deleted" if may else f"{text} session can.")
    assert ProcessingSession.objects.exists() is not may
    assert entries()[-1] == (("done", "end") if may else (f"refused: {outcome}", "begin"))


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["parent", "worker"])
def test_deletion_is_refused_while_a_process_of_its_own_lives(who: str) -> None:
    session = whole_session()
    own = Worker.objects.filter(serves=session) if who == "parent" else Worker.objects.exclude(parent=None)
    own.update(ended_at=None)
    before = rows_of(session)

    with pytest.raises(StepRefused, match="Its own process has not ended yet"):
        delete_session(session, by="ada")

    session.refresh_from_db()
    assert (rows_of(session), session.status) == (before, Status.COMPLETED)


@pytest.mark.django_db
@pytest.mark.parametrize("seam", ["_delete_batches", "_delete_pages", "_end"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_deletion_goes_on_when_it_is_asked_for_again_after_a_death(
    seam: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = whole_session()
    carry_out = getattr(deletion, seam)

    def die(argument: Any) -> None:
        if when == "after":
            carry_out(argument)
        raise SystemExit

    monkeypatch.setattr(deletion, seam, die)
    with pytest.raises(SystemExit):
        delete_session(session, by="ada")
    monkeypatch.undo()
    between = ProcessingSession.objects.get()
    with pytest.raises(StepRefused):
        between.recover()
    delete_session(between, by="ada")

    assert (between.status, between.hold_why) == (Status.CANCELLED, "It is being deleted.")
    assert not ProcessingSession.objects.exists()
    assert set(rows_of(session).values()) == {0}
    assert entries() == [("done", "begin"), ("done", "begin"), ("done", "end")]


@pytest.mark.django_db
def test_deletion_is_refused_while_pictures_cannot_be_removed_and_then_goes_on(tmp_path: Path) -> None:
    session = whole_session()
    folder = pictures._folder(session.pk)
    folder.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere" / "ab").mkdir(parents=True)
    folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ActRefused, match="its pictures cannot be removed"):
        delete_session(session, by="ada")
    is_still_there = ProcessingSession.objects.filter(pk=session.pk).exists()
    folder.unlink()
    delete_session(session, by="ada")

    assert is_still_there
    assert list((tmp_path / "elsewhere").iterdir()) != []
    assert not ProcessingSession.objects.filter(pk=session.pk).exists()
    assert [(outcome[:7], step) for outcome, step in entries()] == [
        ("done", "begin"),
        ("refused", "pictures"),
        ("done", "begin"),
        ("done", "end"),
    ]


@pytest.mark.django_db
def test_deletion_is_not_found_when_somebody_was_first() -> None:
    session = whole_session()
    same = ProcessingSession.objects.get(pk=session.pk)
    delete_session(session, by="ada")

    with pytest.raises(SessionNotFound, match="is not there any more"):
        delete_session(same, by="bea")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("photos_count", [1, 2], ids=["inside the batch", "at its end"])
def test_deletion_and_the_last_chunk_in_the_air_leave_nothing_when_they_overlap(photos_count: int) -> None:
    session = make_session(total=2, found_count=2)
    batch = make_batch(session=session, photos_count=2, worker=make_worker())
    rows = make_results(batch=batch, photos_count=photos_count)
    session.cancel()

    overlap(lambda: batch.commit(rows, no_seal), lambda: delete_session(session, by="ada"))

    assert not ProcessingSession.objects.exists()
    assert set(rows_of(session).values()) == {0}


@pytest.mark.django_db(transaction=True)
def test_chunk_in_the_air_writes_nothing_when_a_deletion_was_first() -> None:
    session = make_session(total=2, found_count=2)
    batch = make_batch(session=session, photos_count=2, worker=make_worker())
    rows = make_results(batch=batch, photos_count=1)
    session.cancel()

    with pytest.raises(LeaseLost):
        overlap(lambda: deletion._delete_batches(session.pk), lambda: batch.commit(rows, no_seal))

    delete_session(session, by="ada")
    assert set(rows_of(session).values()) == {0}


@pytest.mark.django_db
def test_pictures_that_land_during_a_deletion_are_removed_behind_it(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STOCKPROOF_VAR = tmp_path
    kept, deleted = whole_session(), whole_session()
    folders = {one: tmp_path / "pictures" / str(one) for one in (kept.pk, deleted.pk, uuid4())}
    delete_session(deleted, by="ada")
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "late.jpg").write_bytes(b"a picture")
    (tmp_path / "pictures" / "notes").mkdir()

    remove_strays()

    left = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert left == {str(one) for one in folders if one != deleted.pk} | {"notes"}


@pytest.mark.django_db
def test_deletion_removes_what_an_earlier_one_has_left(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path
    first, second = whole_session(), whole_session()
    delete_session(first, by="ada")
    (tmp_path / "pictures" / str(first.pk)).mkdir(parents=True)

    delete_session(second, by="ada")

    assert list((tmp_path / "pictures").iterdir()) == []
