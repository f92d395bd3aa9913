"""Going back to a checkpoint: what it puts aside, and which checkpoints may not be gone back to."""

from pathlib import Path

import pytest

from processing.models import ProcessingSession, StepRefused
from recovery.models import Checkpoint, CheckpointType
from recovery.resume import NotSafe, execute_recovery
from tests.factories import make_results, no_seal
from tests.recovery.sound import sound_session
from tests.recovery.sources import lay_out
from tests.recovery.test_resume import findings_of, held_batch, live_positions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a session of 12 photos in 3 batches, 10 judged, the last batch held by a worker."""
    session = sound_session()
    lay_out(session, tmp_path / "photos")
    return session


def test_void_or_foreign_checkpoint_is_refused(session: ProcessingSession, tmp_path: Path) -> None:
    own = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    execute_recovery(session, "fresh_start", user_confirmed=True)
    own.refresh_from_db()
    other = sound_session()
    lay_out(other, tmp_path / "other")

    with pytest.raises(StepRefused, match="covers verdicts that recovery 1 has put aside"):
        execute_recovery(session, "continue", checkpoint=own)
    with pytest.raises(StepRefused, match="belongs to another session"):
        execute_recovery(other, "continue", checkpoint=own)


def test_checkpoint_that_was_removed_meanwhile_is_refused(session: ProcessingSession) -> None:
    checkpoint = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    Checkpoint.objects.filter(pk=checkpoint.pk).delete()

    with pytest.raises(StepRefused, match="was pruned or removed meanwhile"):
        execute_recovery(session, "continue", checkpoint=checkpoint)

    assert len(live_positions(session)) == 10


def test_damaged_checkpoint_is_refused(session: ProcessingSession) -> None:
    checkpoint = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    Checkpoint.objects.filter(pk=checkpoint.pk).update(processed_count=3)
    checkpoint.refresh_from_db()

    with pytest.raises(NotSafe):
        execute_recovery(session, "continue", checkpoint=checkpoint)

    assert len(live_positions(session)) == 10


def test_going_back_to_a_checkpoint_puts_aside_what_is_newer_and_voids_what_covers_it(
    session: ProcessingSession,
) -> None:
    earlier = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    held = held_batch(session)
    held.commit(make_results(batch=held, photos_count=1), no_seal)
    later = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)

    recovered = execute_recovery(session, "continue", checkpoint=earlier)

    for checkpoint in (earlier, later):
        checkpoint.refresh_from_db()
    assert live_positions(session) == list(range(10))
    assert (recovered.redo, earlier.voided_by, later.voided_by) == (1, None, 1)
    assert findings_of(session) == []
