"""A session's own numbers are those of its batches, or it is named which are not."""

import pytest
from pytest_django import Settings

from processing.models import Batch, ProcessingSession
from recovery.integrity import check_sums
from tests.recovery.sound import batches_of, completed_session, sound_session

pytestmark = pytest.mark.django_db


def codes_of(session: ProcessingSession) -> list[tuple[str, bool]]:
    """Check the session as it is stored now; give each finding's word and whether a repair can mend it."""
    return [(one.code, one.repairable) for one in check_sums(ProcessingSession.objects.get(pk=session.pk))]


def test_sums_hold_while_the_session_runs_and_once_it_is_completed() -> None:
    running, completed = sound_session(), completed_session()

    assert (codes_of(running), codes_of(completed)) == ([], [])
    assert completed.reason_counts == {"noise": 4, "duplicate": 1}


def test_sum_holds_when_an_older_key_made_it(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    session = sound_session()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    assert codes_of(session) == []


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("reason_counts", {"noise": 5}, "session_reasons"),
        ("finished_sum", b"", "sum"),
        ("finished_sum", bytes(20), "sum"),
    ],
)
def test_changed_sum_is_repairable(column: str, value: object, code: str) -> None:
    session = sound_session()
    ProcessingSession.objects.filter(pk=session.pk).update(**{column: value})

    assert codes_of(session) == [(code, True)]


def test_changed_counters_are_repairable() -> None:
    session = sound_session()
    ProcessingSession.objects.filter(pk=session.pk).update(approved=3, rejected=3)

    assert codes_of(session) == [("session_counters", True)]


def test_sum_is_named_when_a_finished_batch_is_gone() -> None:
    session = sound_session()
    Batch.objects.filter(pk=batches_of(session)[1].pk).delete()

    assert codes_of(session) == [("session_counters", True), ("session_reasons", True), ("sum", True)]


def test_sum_is_named_when_a_digest_is_that_of_another_batch() -> None:
    session = sound_session()
    first, second, _ = batches_of(session)
    Batch.objects.filter(pk=first.pk).update(digest=bytes(second.digest))

    assert codes_of(session) == [("sum", True)]
