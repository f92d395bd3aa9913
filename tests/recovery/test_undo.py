"""Undoing recoveries: a stack, in both directions whole, and never blind to what was changed meanwhile."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from processing.models import Batch, ImageResult, ProcessingSession, StepRefused
from processing.states import BatchKind, BatchStatus, Status
from recovery import undo
from recovery.models import AuditEntry, Checkpoint, CheckpointType, RecoveryAttempt
from recovery.resume import NotSafe, execute_recovery
from recovery.undo import Undo, preview_undo, rollback_recovery
from tests.bulk import analyze, indexes_of, multiply
from tests.factories import make_batch, make_result, make_results, make_session, make_worker, no_seal
from tests.recovery.sound import completed_session, sound_session
from tests.recovery.sources import lay_out
from tests.recovery.test_resume import findings_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a session of 12 photos in 3 batches, 10 judged."""
    session = sound_session()
    lay_out(session, tmp_path / "photos")
    return session


def live_rows(session: ProcessingSession) -> list[tuple[int, int]]:
    """List the live verdicts as position and key."""
    rows = ImageResult.objects.live().filter(session=session).in_order()
    return list(rows.values_list("position", "pk"))


def work_on(session: ProcessingSession, photos_count: int) -> None:
    """Let a worker judge some of the photos that are left."""
    batch = Batch.objects.claim(session.pk, make_worker())
    batch.commit(make_results(batch=batch, photos_count=photos_count), no_seal)


@pytest.mark.parametrize("option", ["continue", "restart_batch", "fresh_start"])
def test_undo_brings_the_verdicts_of_before_back(session: ProcessingSession, option: str) -> None:
    before = live_rows(session)
    execute_recovery(session, option, user_confirmed=True)
    work_on(session, 2)
    preview = preview_undo(session, 1)

    undone = rollback_recovery(session, by="ada")

    assert live_rows(session) == before
    assert (session.status, session.attempt, session.hold_why) == (
        Status.PAUSED,
        2,
        "Recovery 1 was undone.",
    )
    assert (undone.keep, undone.redo, undone.left) == (10, 2, 2)
    assert (preview["keep"], preview["aside"], preview["left"]) == (10, 2, 2)
    assert findings_of(session) == []


def test_verdicts_since_a_recovery_are_found_without_reading_those_of_before() -> None:
    batch = make_batch(session=make_session(), photos_count=4000)
    multiply(make_result(batch=batch, position=0), count=4000, position="n")
    newest = max(ImageResult.objects.values_list("pk", flat=True))
    multiply(make_result(batch=batch, position=0, attempt=1), count=2, position="n + 4000")
    analyze()
    rows, found = Undo(batch.session, 1, newest).made_since(), []

    used = indexes_of(lambda: found.append(rows.count()))

    # SQLite's own row number is no index.
    assert (found, used) == ([2], {"primary key"} if connection.vendor == "postgresql" else set())


def test_undo_takes_all_that_stand_on_it(session: ProcessingSession) -> None:
    before = live_rows(session)
    execute_recovery(session, "restart_batch")
    work_on(session, 3)
    session.pause()
    execute_recovery(session, "fresh_start", user_confirmed=True)
    work_on(session, 1)

    rollback_recovery(session, 1)

    assert live_rows(session) == before
    assert RecoveryAttempt.objects.filter(undone_at=None).count() == 0
    assert findings_of(session) == []


def test_undoing_one_after_the_other_goes_back_step_by_step(session: ProcessingSession) -> None:
    first = live_rows(session)
    execute_recovery(session, "restart_batch")
    work_on(session, 3)
    second = live_rows(session)
    session.pause()
    execute_recovery(session, "fresh_start", user_confirmed=True)
    work_on(session, 1)

    rollback_recovery(session)
    after_one = live_rows(session)
    rollback_recovery(session)

    assert (after_one, live_rows(session)) == (second, first)
    assert findings_of(session) == []


def test_undo_after_an_undo_and_another_recovery_keeps_the_right_rows(session: ProcessingSession) -> None:
    before = live_rows(session)
    execute_recovery(session, "fresh_start", user_confirmed=True)
    work_on(session, 2)
    rollback_recovery(session)
    execute_recovery(session, "restart_batch")
    work_on(session, 1)

    rollback_recovery(session)

    assert live_rows(session) == before
    assert findings_of(session) == []


def test_completed_session_is_compared_again_after_an_undo(tmp_path: Path) -> None:
    session = completed_session()
    lay_out(session, tmp_path / "photos")
    before = live_rows(session)
    execute_recovery(session, "fresh_start", user_confirmed=True)

    rollback_recovery(session)

    compare = Batch.objects.get(session=session, kind=BatchKind.COMPARE)
    assert live_rows(session) == before
    assert (session.status, session.stage, compare.status) == (Status.PAUSED, "comparing", BatchStatus.QUEUED)


def test_undo_is_refused_when_there_is_nothing_to_undo_or_the_session_is_cancelled(
    session: ProcessingSession,
) -> None:
    with pytest.raises(StepRefused, match="No recovery of it is in force"):
        rollback_recovery(session)
    execute_recovery(session, "continue")
    with pytest.raises(StepRefused, match="No recovery 7 of it is in force"):
        rollback_recovery(session, 7)
    session.cancel()
    with pytest.raises(StepRefused, match="it is cancelled"):
        rollback_recovery(session)

    assert AuditEntry.objects.filter(action="rollback", outcome__startswith="refused").count() == 3


@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_undo_changes_nothing_when_a_row_that_would_come_back_was_changed(
    session: ProcessingSession, change: str
) -> None:
    execute_recovery(session, "fresh_start", user_confirmed=True)
    rows = ImageResult.objects.filter(session=session, position=4)
    if change == "edited":
        rows.update(verdict="approved", note="bribed")
    else:
        rows.delete()

    with pytest.raises(NotSafe):
        rollback_recovery(session)

    session.refresh_from_db()
    assert (live_rows(session), session.attempt, RecoveryAttempt.objects.get().undone_at) == ([], 1, None)


def test_undo_verifies_again_when_the_session_has_moved_on_since(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_recovery(session, "continue")
    work_on(session, 1)
    look = undo._verify_unlocked

    def look_and_be_late(*named: Any) -> undo.Verified | None:
        seen = look(*named)
        session.pause()
        execute_recovery(session, "fresh_start", user_confirmed=True)
        ImageResult.objects.filter(session=session, position=4).update(note="bribed")
        return seen

    monkeypatch.setattr(undo, "_verify_unlocked", look_and_be_late)

    with pytest.raises(NotSafe, match="that would come back was changed"):
        rollback_recovery(session, 1)

    assert live_rows(session) == []


def test_undo_fences_who_is_at_it(session: ProcessingSession) -> None:
    execute_recovery(session, "restart_batch")
    batch = Batch.objects.claim(session.pk, make_worker(parent=make_worker(), lane_session=session))

    rollback_recovery(session)

    stored = Batch.objects.get(pk=batch.pk)
    assert (stored.status, stored.lease) == (BatchStatus.QUEUED, batch.lease + 2)


def test_undo_gives_checkpoints_back_and_voids_those_made_since(session: ProcessingSession) -> None:
    older = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    execute_recovery(session, "fresh_start", user_confirmed=True)
    work_on(session, 1)
    since = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    older.refresh_from_db()
    voided = older.voided_by

    rollback_recovery(session)

    older.refresh_from_db()
    since.refresh_from_db()
    assert (voided, older.voided_by, since.voided_by) == (1, None, 1)
