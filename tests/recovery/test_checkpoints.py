"""Checkpoints as commits take them: of which type, and how many are left."""

import pytest
from django.test.utils import override_settings

from processing.models import Batch
from recovery import checkpoints
from recovery.models import Checkpoint, CheckpointType
from tests.factories import make_batch, make_results, make_session, make_worker

pytestmark = pytest.mark.django_db


def images_after_each_commit(batch: Batch, *, commits_count: int) -> list[list[int]]:
    """Commit one photo at a time; gives the numbers of the image checkpoints that are there after each."""
    seen = []
    for _ in range(commits_count):
        batch.commit(make_results(batch=batch, photos_count=1), checkpoints.take)
        images = Checkpoint.objects.filter(checkpoint_type=CheckpointType.IMAGE).order_by("sequence")
        seen.append(list(images.values_list("sequence", flat=True)))
    return seen


@override_settings(CHECKPOINT_KEEP_COUNT=2)
def test_image_checkpoints_stay_below_twice_those_kept_when_a_batch_is_long() -> None:
    batch = make_batch(session=make_session(total=9), photos_count=9, worker=make_worker())

    seen = images_after_each_commit(batch, commits_count=6)

    assert [len(numbers) for numbers in seen] == [1, 2, 3, 2, 3, 2]


@override_settings(CHECKPOINT_KEEP_COUNT=3)
def test_image_checkpoints_are_those_kept_when_a_batch_ends() -> None:
    batch = make_batch(session=make_session(total=6), photos_count=5, worker=make_worker())

    seen = images_after_each_commit(batch, commits_count=5)

    assert seen[-2:] == [[1, 2, 3, 4], [2, 3, 4]]
