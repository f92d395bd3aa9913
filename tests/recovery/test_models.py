"""Checkpoints, crashes and attempts as rows: order, pruning, packing and what they refuse."""

import pytest
from django.db import IntegrityError, transaction
from django.test.utils import override_settings

from recovery.models import Checkpoint, CheckpointType, Crash, RecoveryAttempt
from tests.factories import make_checkpoint, make_crash, make_session, make_worker
from tests.racing import overlap


def second(number: int) -> str:
    """Give an instant of one minute."""
    return f"2026-01-01T00:00:{number:02}Z"


@pytest.mark.django_db
def test_newest_first_lists_only_the_sessions_own_newest_first() -> None:
    session = make_session()
    old, newest, middle = (make_checkpoint(session=session, created_at=second(n)) for n in (1, 3, 2))
    make_checkpoint(session=make_session(), created_at=second(4))

    assert list(Checkpoint.objects.newest_first(session)) == [newest, middle, old]


@pytest.mark.django_db
@override_settings(CHECKPOINT_KEEP_COUNT=2)
def test_prune_keeps_the_newest_image_checkpoints_and_all_others() -> None:
    session, other = make_session(), make_session()
    images = [make_checkpoint(session=session, last_result=n + 1) for n in range(5)]
    kept = [
        make_checkpoint(session=session, created_at=second(0), pinned=True),
        make_checkpoint(session=session, created_at=second(0), checkpoint_type=CheckpointType.BATCH),
        make_checkpoint(session=session, created_at=second(0), checkpoint_type=CheckpointType.MANUAL),
        make_checkpoint(session=other, created_at=second(0)),
    ]

    deleted = Checkpoint.objects.prune(session.pk)

    assert (deleted, set(Checkpoint.objects.all())) == (3, {*images[3:], *kept})


@pytest.mark.django_db(transaction=True)
@override_settings(CHECKPOINT_KEEP_COUNT=2)
def test_two_prunes_wait_for_nobody_and_keep_the_newest_when_they_overlap() -> None:
    session = make_session()
    images = [make_checkpoint(session=session, last_result=n + 1) for n in range(5)]

    prune = transaction.atomic(Checkpoint.objects.prune)
    overlap(lambda: prune(session.pk), lambda: prune(session.pk))

    assert set(Checkpoint.objects.all()) == set(images[3:])


@pytest.mark.django_db
def test_checkpoint_constraint_refuses_an_unknown_type() -> None:
    checkpoint = make_checkpoint(session=make_session())

    with pytest.raises(IntegrityError, match="checkpoint_type_is_known"), transaction.atomic():
        Checkpoint.objects.filter(pk=checkpoint.pk).update(checkpoint_type="nap")


@pytest.mark.django_db
def test_crash_constraint_refuses_an_unknown_type() -> None:
    crash = make_crash(worker=make_worker())

    with pytest.raises(IntegrityError, match="crash_type_is_known"), transaction.atomic():
        Crash.objects.filter(pk=crash.pk).update(crash_type="gremlins")


@pytest.mark.django_db
def test_second_recovery_of_one_attempt_is_refused() -> None:
    session = make_session()
    RecoveryAttempt.objects.create(session=session, number=1, option="continue")

    named = r"one_recovery_per_attempt|recoveryattempt\.session_id, recovery_recoveryattempt\.number"
    with pytest.raises(IntegrityError, match=named), transaction.atomic():
        RecoveryAttempt.objects.create(session=session, number=1, option="continue")
