"""The keyed digest of a batch holds every live row; the session's sum every finished batch."""

import pytest
from pytest_django import Settings

from processing import digests, keys
from processing.models import Batch, ImageResult
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db(transaction=True)


def committed_batch(*, photos_count: int = 4, committed: int = 3) -> Batch:
    """Make a batch with some committed photos, one commit each."""
    batch = make_batch(
        session=make_session(total=photos_count), photos_count=photos_count, worker=make_worker()
    )
    for _ in range(committed):
        batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    return batch


def test_digest_after_commits_is_that_of_the_stored_rows() -> None:
    batch = committed_batch()

    stored = Batch.objects.get(pk=batch.pk)

    assert bytes(stored.digest) == batch.digest == digests.digest_of(stored)


def test_digest_stays_under_its_key_when_another_key_is_put_first(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    batch = committed_batch(committed=2)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    batch.commit(make_results(batch=batch, photos_count=1), no_seal)

    stored = Batch.objects.get(pk=batch.pk)
    assert keys.secret_of(stored.digest) == "old"
    assert bytes(stored.digest) == digests.digest_of(stored)


def test_digest_proves_nothing_when_its_key_is_unknown(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["lost"]
    batch = committed_batch(committed=2)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    # As one would do who wants a missing row to be signed away.
    ImageResult.objects.filter(batch=batch).order_by("pk").first().delete()

    batch.commit(make_results(batch=batch, photos_count=1), no_seal)

    stored = Batch.objects.get(pk=batch.pk)
    assert keys.secret_of(stored.digest) is None
    assert bytes(stored.digest) != digests.digest_of(stored)


def test_sum_proves_nothing_when_its_key_is_unknown(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["lost"]
    total = digests.finished_sum([(1, b"one")])
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]

    total = digests.add_finished(total, 2, b"two")

    assert keys.secret_of(total) is None


@pytest.mark.parametrize("change", ["id", "created_at", "mac", "superseded_by", "gone"])
def test_digest_differs_when_a_live_row_is_changed(change: str) -> None:
    batch = committed_batch()
    rows = ImageResult.objects.filter(batch=batch).order_by("pk")
    middle = rows[1]
    if change == "gone":
        middle.delete()
    else:
        values = {
            "id": middle.pk + 100,
            "created_at": batch.session.created_at,
            "mac": b"x",
            "superseded_by": 1,
        }
        rows.filter(pk=middle.pk).update(**{change: values[change]})

    stored = Batch.objects.get(pk=batch.pk)

    assert bytes(stored.digest) != digests.digest_of(stored)


def test_sum_holds_each_finished_batch_in_any_order() -> None:
    batches = [(1, b"one"), (2, b"two")]

    total = digests.finished_sum(batches)

    assert total == digests.finished_sum(reversed(batches))
    assert (
        len({total, digests.finished_sum(batches[:1]), digests.finished_sum([(1, b"two"), (2, b"one")])}) == 3
    )


@pytest.mark.parametrize("secret", [None, "old"])
def test_sum_of_many_batches_is_that_of_one_after_the_other(settings: Settings, secret: str | None) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    batches = [(number, b"digest %d" % number) for number in range(3)]
    total = digests.EMPTY
    for batch in batches:
        total = digests.add_finished(total, *batch, secret=secret)

    assert digests.finished_sum(batches, secret=secret) == total
    assert digests.finished_sum([], secret=secret) == digests.EMPTY


def test_session_holds_the_sum_of_its_finished_batches(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    batch = committed_batch(committed=4)
    other = make_batch(session=batch.session, photos_count=1, worker=make_worker())
    make_batch(session=batch.session, photos_count=1)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    other.commit(make_results(batch=other, photos_count=1), no_seal)

    batch.session.refresh_from_db()

    finished = Batch.objects.finished_digests(batch.session_id)
    assert len(finished) == 2
    assert bytes(batch.session.finished_sum) == digests.finished_sum(finished, secret="old")
