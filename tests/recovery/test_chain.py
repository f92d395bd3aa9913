"""A checkpoint that a hand took away is named; one that pruning took is not."""

import pytest
from pytest_django import Settings

from processing.models import Batch, ProcessingSession
from recovery import checkpoints
from recovery.chain import missing_checkpoints
from recovery.models import Checkpoint
from tests.factories import make_batch, make_results, make_session, make_worker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keep(settings: Settings) -> None:
    settings.CHECKPOINT_KEEP_COUNT = 3


def session_with(*commits: int, photos_count: int = 8) -> ProcessingSession:
    """Make a session with one batch for each number, and commit so many photos of it, one by one."""
    total = len(commits) * photos_count
    session = make_session(total=total, found_count=total)
    worker = make_worker()
    batches = [make_batch(session=session, photos_count=photos_count, worker=worker) for _ in commits]
    for batch, count in zip(batches, commits, strict=True):
        commit(batch, count)
    return session


def commit(batch: Batch, count: int) -> None:
    for _ in range(count):
        batch.commit(make_results(batch=batch, photos_count=1), checkpoints.take)


def images(session: ProcessingSession, number: int) -> list[Checkpoint]:
    """Give a batch's image checkpoints, the oldest first."""
    found = Checkpoint.objects.filter(session=session, current_batch=number, checkpoint_type="image")
    return list(found.order_by("sequence"))


@pytest.mark.parametrize("commits", [(0,), (1,), (3,), (5,), (8,), (8, 8), (2, 8, 1), (8, 1), (5, 5)])
def test_nothing_is_missing_when_only_pruning_took_some(commits: tuple[int, ...]) -> None:
    session = session_with(*commits)

    assert missing_checkpoints(session) == []


def test_nothing_is_missing_when_the_number_that_is_kept_was_raised(settings: Settings) -> None:
    session = session_with(5)
    settings.CHECKPOINT_KEEP_COUNT = 10
    before = missing_checkpoints(session)

    commit(Batch.objects.get(session=session), 1)

    assert (before, missing_checkpoints(session)) == ([], [])


def test_nothing_is_missing_after_everything_that_is_made_by_hand() -> None:
    session = session_with(8, 2)
    for kind in ("manual", "manual", "emergency", "milestone", "emergency"):
        Checkpoint.objects.create_session_checkpoint(session, kind, force=True)

    assert missing_checkpoints(session) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (-1, "The newest image checkpoint of batch 0 is missing."),
        (1, "The image checkpoint before number 5 of batch 0 is missing."),
        (0, "Only 2 image checkpoints are left, though 3 are kept."),
    ],
    ids=["newest", "middle", "oldest"],
)
def test_image_checkpoint_that_was_removed_is_named(place: int, text: str) -> None:
    session = session_with(5)
    Checkpoint.objects.filter(pk=images(session, 0)[place].pk).delete()

    assert missing_checkpoints(session) == [text]


def test_only_image_checkpoint_of_an_open_batch_is_missed_though_others_are_newer() -> None:
    session = session_with(1, 2)
    Checkpoint.objects.filter(pk=images(session, 0)[0].pk).delete()

    assert missing_checkpoints(session) == ["Only 2 image checkpoints are left, though 3 are kept."]


def test_newest_of_an_open_batch_is_missed_though_as_many_as_are_kept_are_left() -> None:
    session = session_with(0, 3)
    Checkpoint.objects.pin(images(session, 1)[0], keeps=True)
    commit(Batch.objects.get(session=session, number=1), 1)
    commit(Batch.objects.get(session=session, number=0), 1)
    Checkpoint.objects.filter(pk=images(session, 0)[0].pk).delete()

    assert missing_checkpoints(session) == ["The newest image checkpoint of batch 0 is missing."]


@pytest.mark.parametrize("commits", [(3,), (3, 8)], ids=["open batches", "finished ones"])
def test_checkpoints_are_missed_when_all_were_removed(commits: tuple[int, ...]) -> None:
    session = session_with(*commits)
    Checkpoint.objects.filter(checkpoint_type="image").delete()

    assert "Only 0 image checkpoints are left, though 3 are kept." in missing_checkpoints(session)


@pytest.mark.parametrize("kind", ["batch", "milestone", "emergency", "manual"])
def test_newest_checkpoint_of_each_other_type_is_missed(kind: str) -> None:
    session = session_with(8, 1)
    for made in ("milestone", "emergency"):
        Checkpoint.objects.create_session_checkpoint(session, made, force=True)
    Checkpoint.objects.create_session_checkpoint(session, "manual", force=True, pinned=False)
    taken = Checkpoint.objects.get(checkpoint_type=kind)
    Checkpoint.objects.filter(pk=taken.pk).delete()

    assert missing_checkpoints(session) == [f"The {kind} checkpoint {taken.pk} is missing."]


def test_pinned_checkpoint_is_missed_though_it_is_not_the_newest() -> None:
    session = session_with(1)
    first, _ = (Checkpoint.objects.create_session_checkpoint(session, "manual", force=True) for _ in "12")
    assert first is not None
    Checkpoint.objects.filter(pk=first.pk).delete()

    assert missing_checkpoints(session) == [f"The pinned checkpoint {first.pk} is missing."]


def test_checkpoint_that_a_hand_has_unpinned_is_named() -> None:
    session = session_with(1)
    made = Checkpoint.objects.create_session_checkpoint(session, "manual", force=True)
    assert made is not None
    Checkpoint.objects.filter(pk=made.pk).update(pinned=False)

    assert missing_checkpoints(session) == [
        f"Checkpoint {made.pk} is not kept for ever any more, though nobody has unpinned it."
    ]


@pytest.mark.parametrize("kind", ["image", "batch", "manual"])
def test_checkpoint_that_a_hand_has_pinned_is_named(kind: str) -> None:
    session = session_with(8, 1)
    Checkpoint.objects.create_session_checkpoint(session, "manual", force=True, pinned=False)
    taken = Checkpoint.objects.filter(session=session, checkpoint_type=kind).order_by("sequence")[0]

    Checkpoint.objects.filter(pk=taken.pk).update(pinned=True)

    assert missing_checkpoints(session) == [
        f"Checkpoint {taken.pk} is kept for ever, though nobody has pinned it: unpin or pin it."
    ]


@pytest.mark.parametrize("keeps", [True, False])
def test_nothing_is_wrong_any_more_when_a_person_decides_on_what_a_hand_has_pinned(*, keeps: bool) -> None:
    session = session_with(1)
    (first,) = images(session, 0)
    Checkpoint.objects.filter(pk=first.pk).update(pinned=True)
    commit(Batch.objects.get(session=session), 5)
    before = missing_checkpoints(session)

    Checkpoint.objects.pin(first, keeps=keeps)

    assert (len(before), missing_checkpoints(session)) == (1, [])


def test_checkpoint_that_was_put_in_anothers_place_is_named() -> None:
    session = session_with(8, 1)
    Checkpoint.objects.filter(checkpoint_type="batch").update(seal=b"x" * 20)

    taken = Checkpoint.objects.get(checkpoint_type="batch")
    assert missing_checkpoints(session) == [f"The batch checkpoint {taken.pk} is not the one that was taken."]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ledger": {"newest": {}}}, "The list of checkpoints that must be there was changed."),
        ({"ledger": {}, "ledger_tag": b""}, "The list of checkpoints that must be there is missing."),
    ],
)
def test_ledger_that_was_changed_or_emptied_is_named(changes: dict[str, object], text: str) -> None:
    session = session_with(8, 1)
    ProcessingSession.objects.filter(pk=session.pk).update(**changes)

    assert missing_checkpoints(session) == [text]
