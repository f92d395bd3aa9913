"""What two transactions at once may do to each other; PostgreSQL shows what SQLite hides."""

import pytest

from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession
from processing.states import BatchKind, BatchStatus, Hold, Stage, Verdict
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal
from tests.racing import overlap

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_claims_take_different_batches_when_they_overlap() -> None:
    session = make_session()
    first, second = make_batch(session=session), make_batch(session=session)
    workers = make_worker(), make_worker()
    taken: list[Batch | None] = []

    taken.append(
        overlap(
            lambda: taken.append(Batch.objects.claim(session.pk, workers[0])),
            lambda: Batch.objects.claim(session.pk, workers[1]),
        )
    )

    assert taken == [first, second]
    assert list(Batch.objects.order_by("number").values_list("worker", "lease")) == [
        (workers[0].pk, 1),
        (workers[1].pk, 1),
    ]


def test_claim_takes_nothing_when_a_pause_was_first() -> None:
    session = make_session()
    make_batch(session=session)
    worker = make_worker()

    taken = overlap(session.pause, lambda: Batch.objects.claim(session.pk, worker))

    assert taken is None
    assert Batch.objects.get().status == BatchStatus.QUEUED


def test_two_last_batches_begin_one_comparison_when_they_end_together() -> None:
    session = make_session(total=4)
    worker = make_worker()
    first = make_batch(session=session, photos_count=2, worker=worker)
    second = make_batch(session=session, photos_count=2, worker=worker)
    rows = [
        make_results(batch=batch, photos_count=2, verdict=Verdict.REJECTED, reason="noise")
        for batch in (first, second)
    ]

    overlap(lambda: first.commit(rows[0], no_seal), lambda: second.commit(rows[1], no_seal))

    session.refresh_from_db()
    assert (session.stage, session.processed, session.rejected) == (Stage.COMPARING, 4, 4)
    assert session.reason_counts == {"noise": 4}
    assert Batch.objects.filter(kind=BatchKind.COMPARE).count() == 1


def test_two_advances_begin_one_comparison_when_they_overlap() -> None:
    session = make_session(total=4)
    make_batch(session=session, status=BatchStatus.DONE)
    same = ProcessingSession.objects.get(pk=session.pk)

    overlap(session.advance, same.advance)

    assert same.stage == Stage.COMPARING
    assert Batch.objects.filter(kind=BatchKind.COMPARE).count() == 1


def test_recover_takes_the_lease_away_when_a_commit_is_in_the_air() -> None:
    session = make_session(total=4, hold=Hold.FAILED)
    batch = make_batch(session=session, worker=make_worker())
    rows = make_results(batch=batch, photos_count=1)

    overlap(lambda: batch.commit(rows, no_seal), session.recover)

    after = Batch.objects.get(pk=batch.pk)
    assert (after.status, after.lease, after.processed, ImageResult.objects.count()) == ("queued", 2, 1, 1)
    assert session.hold == Hold.NONE


def test_recover_goes_on_when_the_holder_gives_its_lease_back_meanwhile() -> None:
    session = make_session(total=4, hold=Hold.PAUSED)
    batch = make_batch(session=session, worker=make_worker())

    overlap(batch.release, session.recover)

    assert (session.hold, session.attempt) == (Hold.NONE, 1)
    assert Batch.objects.get(pk=batch.pk).status == BatchStatus.QUEUED


def test_commit_writes_nothing_when_a_recovery_was_first() -> None:
    session = make_session(total=4, hold=Hold.PAUSED)
    batch = make_batch(session=session, worker=make_worker())
    rows = make_results(batch=batch, photos_count=1)

    with pytest.raises(LeaseLost):
        overlap(session.recover, lambda: batch.commit(rows, no_seal))

    after = Batch.objects.get(pk=batch.pk)
    assert (after.status, after.lease, after.processed, ImageResult.objects.count()) == ("queued", 2, 0, 0)


def test_last_commit_and_cancel_lose_nothing_when_they_overlap() -> None:
    session = make_session(total=2)
    batch = make_batch(session=session, photos_count=2, worker=make_worker())
    rows = make_results(batch=batch, photos_count=2)

    overlap(session.cancel, lambda: batch.commit(rows, no_seal))

    session.refresh_from_db()
    assert (session.stage, session.hold, session.processed) == (Stage.RUNNING, Hold.CANCELLED, 2)
    assert Batch.objects.get(pk=batch.pk).status == BatchStatus.DONE


def test_two_recoveries_raise_the_attempt_one_by_one_when_they_overlap() -> None:
    session = make_session(total=4, hold=Hold.FAILED)
    make_batch(session=session)
    same = ProcessingSession.objects.get(pk=session.pk)

    overlap(session.recover, same.recover)

    assert (session.attempt, same.attempt) == (1, 2)


def test_two_workers_fail_one_session_once_when_they_overlap() -> None:
    session = make_session(total=8)
    first, second = (make_batch(session=session, worker=make_worker()) for _ in range(2))

    has_failed = overlap(lambda: first.fail("The disk is full."), lambda: second.fail("The disk is gone."))

    session.refresh_from_db()
    second.refresh_from_db()
    assert (has_failed, session.hold, session.last_error) == (False, Hold.FAILED, "The disk is full.")
    assert second.status == BatchStatus.QUEUED
