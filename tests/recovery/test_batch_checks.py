"""A batch that is not what its commits wrote is named, whatever was changed."""

import pytest
from django.db import connection
from pytest_django import Settings

from processing.models import Batch, ImageResult
from processing.states import BatchStatus
from recovery.integrity import Finding, check_batch
from tests.factories import make_result, no_seal
from tests.recovery.sound import batches_of, commit, copy_of, rows_of, sound_session

pytestmark = pytest.mark.django_db


def codes_of(batch: Batch) -> list[tuple[str, bool]]:
    """Check the batch as it is stored now; give each finding's word and whether a repair can mend it."""
    return [(one.code, one.repairable) for one in check_batch(Batch.objects.get(pk=batch.pk))]


def allow_duplicates() -> None:
    """Drop the unique index; the test's transaction brings it back."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_result_per_photo")


def test_batches_hold_after_their_commits() -> None:
    session = sound_session()

    found = [check_batch(batch) for batch in batches_of(session)]

    assert found == [[], [], []]


def test_batch_holds_when_an_older_key_signed_it(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    batch = batches_of(sound_session())[0]
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    assert check_batch(batch) == []


def test_results_are_named_when_their_key_is_unknown(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["lost"]
    batch = batches_of(sound_session(photos_count=1))[0]
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]

    assert codes_of(batch) == [("unknown_key", False), ("digest", False)]


def test_changed_result_is_named_by_photo_and_row() -> None:
    batch = batches_of(sound_session())[0]
    row = rows_of(batch)[1]
    ImageResult.objects.filter(pk=row.pk).update(note="nice")

    text = f"Result {row.pk} of photo 1 (000001.jpg) is not as it was written."
    assert check_batch(batch) == [Finding("result_changed", text, repairable=False)]


@pytest.mark.parametrize("reasons", [["nice"], "nice", {"code": "nice"}, False, 7])
def test_changed_result_is_named_when_its_reasons_are_no_reasons(reasons: object) -> None:
    batch = batches_of(sound_session())[0]
    ImageResult.objects.filter(pk=rows_of(batch)[1].pk).update(reasons=reasons)

    assert codes_of(batch) == [("result_changed", False), ("reasons", True)]


def test_removed_result_is_named_as_gap_of_a_finished_batch() -> None:
    batch = batches_of(sound_session())[0]
    rows_of(batch)[0].delete()

    assert codes_of(batch) == [("digest", False), ("gap", False), ("counters", True)]


def test_result_is_named_when_it_lies_in_a_batch_of_other_photos() -> None:
    first, second, _ = batches_of(sound_session())
    row = rows_of(first)[0]
    ImageResult.objects.filter(pk=row.pk).update(batch=second)

    assert codes_of(second)[:3] == [("result_changed", False), ("misplaced", False), ("digest", False)]


def test_changed_name_in_the_manifest_is_named() -> None:
    first, second, _ = batches_of(sound_session())
    Batch.objects.filter(pk=first.pk).update(manifest=second.manifest)

    assert codes_of(first) == [("misplaced", False)] * 4


@pytest.mark.parametrize("manifest", [{"photos": [["?", 1, 1]]}, {"photos": [1]}, [], {}])
def test_manifest_is_named_when_it_is_none(manifest: object) -> None:
    batch = batches_of(sound_session(begun=0))[-1]
    Batch.objects.filter(pk=batch.pk).update(manifest=manifest)

    assert codes_of(batch) == [("manifest", False)]


def test_gap_is_named_when_a_batch_was_called_done_too_early() -> None:
    batch = batches_of(sound_session())[-1]
    Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.DONE, worker=None)

    assert codes_of(batch) == [("gap", True), ("gap", True)]


def test_wrong_counters_are_repairable() -> None:
    batch = batches_of(sound_session())[0]
    Batch.objects.filter(pk=batch.pk).update(approved=1, rejected=2, reason_counts={"noise": 3})

    assert codes_of(batch) == [("counters", True), ("reasons", True)]


@pytest.mark.parametrize("is_first", [True, False])
def test_duplicate_is_repairable_when_the_digest_says_which_row_is_true(*, is_first: bool) -> None:
    batch = batches_of(sound_session())[0]
    row = rows_of(batch)[1]
    allow_duplicates()
    copy_of(row, id=-1 if is_first else None)

    assert codes_of(batch) == [("duplicate", True)]


def test_duplicate_is_repairable_when_its_mac_fails_and_the_digest_holds_the_other() -> None:
    batch = batches_of(sound_session())[0]
    allow_duplicates()
    copy_of(rows_of(batch)[1], verdict="approved")

    assert codes_of(batch) == [("duplicate", True)]


def test_duplicate_is_unsafe_when_the_digest_holds_both() -> None:
    batch = batches_of(sound_session(begun=1))[-1]
    allow_duplicates()
    again = make_result(batch=batch, position=rows_of(batch)[0].position)
    batch.commit([again], no_seal)

    assert codes_of(batch) == [("duplicate", False)]


def test_duplicates_are_not_searched_for_ever() -> None:
    batch = batches_of(sound_session(photos_count=14, begun=13))[-1]
    allow_duplicates()
    for row in rows_of(batch):
        copy_of(row)

    assert codes_of(batch)[:13] == [("duplicate", False)] * 13


def test_results_put_aside_are_checked_too() -> None:
    batch = batches_of(sound_session(done=0, begun=0))[0]
    row = commit(batch, 1)[0]
    ImageResult.objects.filter(pk=row.pk).update(superseded_by=1, note="nice")
    Batch.objects.filter(pk=batch.pk).update(processed=0, approved=0, digest=b"")

    assert codes_of(batch) == [("result_changed", False)]


@pytest.mark.vendor("sqlite")
def test_result_is_named_when_text_lies_where_bytes_were() -> None:
    batch = batches_of(sound_session())[0]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE processing_imageresult SET mac = 'text' WHERE position = 0")

    assert codes_of(batch) == [("unknown_key", False), ("digest", False)]
