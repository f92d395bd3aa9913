"""Where a recovery begins: the lowest photo without a verdict."""

import tracemalloc

import pytest

from processing.states import Stage
from recovery.plans import start_index
from tests.bulk import multiply
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db(transaction=True)


def test_start_index_is_the_lowest_photo_without_a_verdict() -> None:
    session = make_session(total=8, found_count=8)
    batch = make_batch(session=session, worker=make_worker())
    make_batch(session=session)
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    rows = make_results(batch=batch, photos_count=3)
    batch.commit(rows[2:], no_seal)

    assert start_index(session) == 1


def test_first_photo_without_a_verdict_is_found_in_flat_memory() -> None:
    session = make_session()
    multiply(make_batch(session=session, photos_count=50), count=400, number="n + 1")
    start_index(session)

    tracemalloc.start()
    position = start_index(session)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert position == 0
    assert peak_bytes < 500_000


@pytest.mark.parametrize(("stage", "found_count"), [(Stage.SCANNING, 0), (Stage.COMPARING, 4)])
def test_start_index_is_the_number_of_photos_when_none_is_left(stage: Stage, found_count: int) -> None:
    session = make_session(stage=stage, found_count=found_count)
    make_batch(session=session, kind="scan" if stage == Stage.SCANNING else "compare")

    assert start_index(session) == found_count
