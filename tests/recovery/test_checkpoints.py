"""Checkpoints: which are due, what they say, how many stay."""

from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django import Settings

from processing.models import Batch, ProcessingSession
from recovery import checkpoints, seal
from recovery.models import Checkpoint, CheckpointType
from tests.factories import make_batch, make_checkpoint, make_results, make_session, make_worker

pytestmark = pytest.mark.django_db


def session_with(batches_count: int, photos_count: int) -> tuple[ProcessingSession, list[Batch]]:
    """Make a scanned session with leased batches."""
    session = make_session(total=batches_count * photos_count, found_count=batches_count * photos_count)
    worker = make_worker()
    return session, [
        make_batch(session=session, photos_count=photos_count, worker=worker) for _ in range(batches_count)
    ]


def taken() -> list[tuple[str, int, int | None, int | None]]:
    """Give all checkpoints in the order of their photos."""
    rows = Checkpoint.objects.order_by("processed_count", "current_batch", "checkpoint_type")
    return list(
        rows.values_list("checkpoint_type", "processed_count", "current_batch", "current_image_index")
    )


def commit(batch: Batch, photos_count: int) -> None:
    """Commit the next photos of a batch with a checkpoint."""
    batch.commit(make_results(batch=batch, photos_count=photos_count), checkpoints.take)


def test_image_checkpoint_is_taken_inside_a_batch_and_batch_and_milestone_at_its_end() -> None:
    _, (first, second) = session_with(2, 4)

    commit(first, 2)
    commit(first, 2)
    commit(second, 2)

    assert taken() == [
        ("image", 2, 0, 2),
        ("batch", 4, 0, 4),
        ("milestone", 4, 0, 4),
        ("image", 6, 1, 6),
    ]


def test_milestone_is_taken_only_when_another_tenth_is_reached() -> None:
    _, batches = session_with(20, 1)
    milestones = Checkpoint.objects.filter(checkpoint_type=CheckpointType.MILESTONE)
    seen = []

    for batch in batches:
        commit(batch, 1)
        seen.append(list(milestones.values_list("processed_count", flat=True)))

    assert seen == [[], *([2 * (n // 2)] for n in range(2, 21))]


def test_checkpoint_carries_what_was_committed() -> None:
    _, (batch,) = session_with(1, 4)

    batch.commit(make_results(batch=batch, photos_count=2, reason="noise"), checkpoints.take)

    checkpoint = Checkpoint.objects.get()
    state = seal.open_state(checkpoint)
    assert state["open_batches"][0]["reason_counts"] == {"noise": 2}
    assert (checkpoint.sequence, checkpoint.last_result) == (
        1,
        batch.results.order_by("pk").values_list("pk", flat=True).last(),
    )


def test_only_the_newest_image_checkpoints_stay_and_pinned_and_other_ones(settings: Settings) -> None:
    settings.CHECKPOINT_KEEP_COUNT = 2
    session, (batch,) = session_with(1, 6)
    other = make_checkpoint(session=make_session())
    for processed, options in enumerate(({"pinned": True}, {"checkpoint_type": "manual"}, {}, {}), 101):
        make_checkpoint(session=session, processed_count=processed, last_result=0, **options)
    for _ in range(3):
        # The clock goes back all the while: what a checkpoint covers decides, not when it was made.
        Checkpoint.objects.update(created_at=F("created_at") + timedelta(seconds=1))
        commit(batch, 1)

    left = Checkpoint.objects.filter(session=session).order_by("processed_count")
    assert list(left.values_list("processed_count", flat=True)) == [2, 3, 101, 102]
    assert Checkpoint.objects.filter(pk=other.pk).exists()


def test_nothing_is_pruned_when_the_commit_is_rolled_back(settings: Settings) -> None:
    settings.CHECKPOINT_KEEP_COUNT = 1
    session, (batch,) = session_with(1, 6)
    make_checkpoint(session=session)

    def take_and_break(found: object) -> None:
        checkpoints.take(found)  # type: ignore[arg-type]  # what a seal is given
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        batch.commit(make_results(batch=batch, photos_count=1), take_and_break)

    assert Checkpoint.objects.count() == 1
