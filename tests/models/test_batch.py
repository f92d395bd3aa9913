"""Claiming, giving back and taking away a batch."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession, Worker
from processing.models.batch import Photo
from processing.states import BatchKind, BatchStatus, Hold, Stage
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db


def claim(session: ProcessingSession, worker: Worker) -> Batch | None:
    """Claim as a lane does."""
    return Batch.objects.claim(session.pk, worker)


def test_claim_takes_batches_in_order_of_number_whatever_their_keys() -> None:
    session, worker = make_session(), make_worker()
    for number in (2, 0, 1):
        make_batch(session=session, number=number)

    numbers = [batch.number if (batch := claim(session, worker)) else None for _ in range(4)]

    assert numbers == [0, 1, 2, None]


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (Stage.SCANNING, BatchKind.SCAN),
        (Stage.RUNNING, BatchKind.PHOTOS),
        (Stage.COMPARING, BatchKind.COMPARE),
        (Stage.COMPLETED, None),
    ],
)
def test_claim_takes_only_the_kind_of_the_stage_when_all_are_queued(
    stage: Stage, kind: BatchKind | None
) -> None:
    session, worker = make_session(stage=stage), make_worker()
    for each in BatchKind:
        make_batch(session=session, kind=each)

    kinds = [batch.kind if (batch := claim(session, worker)) else None for _ in range(2)]

    assert kinds == [kind, None]


def test_claim_leases_to_the_worker_under_the_next_fencing_number_and_the_attempt() -> None:
    session, worker = make_session(attempt=3), make_worker()
    make_batch(session=session, lease=6, attempt=1)

    batch = claim(session, worker)

    assert batch is not None
    stored = Batch.objects.get()
    assert (stored.status, stored.worker, stored.lease, stored.attempt) == (BatchStatus.LEASED, worker, 7, 3)
    assert (batch.status, batch.worker, batch.lease, batch.attempt) == (BatchStatus.LEASED, worker, 7, 3)


def test_claim_sets_the_start_once() -> None:
    session, worker = make_session(), make_worker()
    make_batch(session=session)
    make_batch(session=session)

    claim(session, worker)
    session.refresh_from_db()
    first = session.started_at
    claim(session, worker)
    session.refresh_from_db()

    assert first is not None
    assert session.started_at == first


def test_claim_leaves_the_start_empty_when_there_is_nothing_to_take() -> None:
    session = make_session()

    taken = claim(session, make_worker())

    session.refresh_from_db()
    assert (taken, session.started_at) == (None, None)


@pytest.mark.parametrize(
    "columns",
    [
        {"hold": Hold.PAUSED},
        {"hold": Hold.FAILED},
        {"hold": Hold.CANCELLED},
        {"crashed_at": Now()},
        {"stage": Stage.COMPLETED},
    ],
    ids=["paused", "failed", "cancelled", "interrupted", "completed"],
)
def test_claim_is_refused_when_the_session_is_held_or_over(columns: dict[str, object]) -> None:
    session = make_session(**columns)
    for kind in BatchKind:
        make_batch(session=session, kind=kind)

    taken = claim(session, make_worker())

    assert taken is None
    assert set(Batch.objects.values_list("status", "lease")) == {(BatchStatus.QUEUED, 0)}


def test_claim_is_refused_when_the_worker_was_buried() -> None:
    session, worker = make_session(), make_worker()
    make_batch(session=session)
    Worker.objects.filter(pk=worker.pk).update(ended_at=Now())

    taken = claim(session, worker)

    assert taken is None
    assert Batch.objects.get().status == BatchStatus.QUEUED


def test_claim_is_refused_when_the_batch_is_another_sessions() -> None:
    session, other = make_session(), make_session()
    make_batch(session=other)

    taken = claim(session, make_worker())

    assert taken is None


@pytest.mark.parametrize("is_parent", [True, False])
def test_claim_is_refused_when_the_process_serves_another_session(is_parent: bool) -> None:  # noqa: FBT001 -- pytest
    session, other = make_session(), make_session()
    make_batch(session=session)
    make_batch(session=other)
    parent = make_worker(serves=other)
    worker = parent if is_parent else make_worker(parent=parent)

    taken = claim(session, worker), claim(other, worker)

    assert taken == (None, Batch.objects.get(session=other))


def test_claim_raises_when_the_session_was_deleted() -> None:
    session, worker = make_session(), make_worker()
    session_id = session.pk
    session.delete()

    with pytest.raises(ProcessingSession.DoesNotExist):
        Batch.objects.claim(session_id, worker)


def test_claim_asks_the_same_number_of_queries_whatever_is_queued() -> None:
    session, worker = make_session(), make_worker()
    make_batch(session=session)
    counts = []

    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            claim(session, worker)
        counts.append(len(queries))
        for _ in range(20):
            make_batch(session=session)

    assert counts[1] == counts[2]


def test_photos_are_the_manifest_with_positions_from_the_first() -> None:
    session = make_session()
    make_batch(session=session, photos_count=3)

    batch = make_batch(session=session, photos_count=2)

    assert batch.photos() == [
        Photo(3, b"000003.jpg", 1003, 10**18 + 3),
        Photo(4, b"000004.jpg", 1004, 10**18 + 4),
    ]


def test_missing_is_the_manifest_minus_the_live_rows_of_its_own_session() -> None:
    session, other = make_session(), make_session()
    batch, foreign = make_batch(session=session), make_batch(session=other)
    rows = make_results(batch=batch, photos_count=3)
    rows[2].superseded_by = 1
    ImageResult.objects.bulk_create([*rows, *make_results(batch=foreign, photos_count=4)])

    missing = [photo.position for photo in batch.missing()]

    assert missing == [2, 3]


def test_release_queues_the_batch_under_the_same_fencing_number() -> None:
    batch = make_batch(session=make_session(), worker=make_worker(), lease=4)

    batch.release()

    stored = Batch.objects.get()
    assert (stored.status, stored.worker, stored.lease) == (BatchStatus.QUEUED, None, 4)


def test_take_away_queues_the_batch_under_the_next_fencing_number() -> None:
    batch = make_batch(session=make_session(), worker=make_worker(), lease=4)

    batch.take_away()

    stored = Batch.objects.get()
    assert (stored.status, stored.worker, stored.lease) == (BatchStatus.QUEUED, None, 5)


def test_release_is_refused_when_the_batch_was_taken_away_and_claimed_again() -> None:
    session = make_session()
    mine = make_batch(session=session, worker=make_worker())
    Batch.objects.get().take_away()
    claim(session, make_worker())
    before = Batch.objects.values().get()

    with pytest.raises(LeaseLost):
        mine.release()

    assert Batch.objects.values().get() == before


def test_fail_stops_the_session_and_gives_the_lease_back() -> None:
    session = make_session()
    batch = make_batch(session=session, worker=make_worker())

    has_failed = batch.fail("The disk is full.")

    session.refresh_from_db()
    assert (has_failed, session.hold, session.last_error) == (True, Hold.FAILED, "The disk is full.")
    assert (batch.status, batch.worker) == (BatchStatus.QUEUED, None)


def test_fail_changes_nothing_when_the_lease_was_taken_away() -> None:
    session = make_session()
    batch = make_batch(session=session, worker=make_worker())
    Batch.objects.get().take_away()
    claim(session, make_worker())
    before = Batch.objects.values().get()

    with pytest.raises(LeaseLost):
        batch.fail("The disk is full.")

    session.refresh_from_db()
    assert (session.hold, session.last_error) == (Hold.NONE, "")
    assert Batch.objects.values().get() == before


def test_fail_gives_only_the_lease_back_when_the_session_is_held() -> None:
    session = make_session(hold=Hold.CANCELLED)
    batch = make_batch(session=session, worker=make_worker())

    has_failed = batch.fail("The disk is full.")

    session.refresh_from_db()
    assert (has_failed, session.hold, session.last_error) == (False, Hold.CANCELLED, "")
    assert Batch.objects.get().status == BatchStatus.QUEUED


def test_fencing_number_rises_with_each_claim_and_each_taking_away() -> None:
    session, worker = make_session(), make_worker()
    make_batch(session=session)
    leases = []

    for _ in range(3):
        batch = claim(session, worker)
        assert batch is not None
        leases.append(batch.lease)
        batch.take_away()
        leases.append(batch.lease)

    assert leases == [1, 2, 3, 4, 5, 6]


def test_deaths_are_counted_until_a_commit_lands() -> None:
    batch = make_batch(session=make_session(), worker=make_worker())
    batch.note_death()
    batch.note_death()
    counted = Batch.objects.get().deaths

    batch.commit(make_results(batch=batch, photos_count=1), no_seal)

    assert (counted, Batch.objects.get().deaths) == (2, 0)


def test_suspects_are_kept_only_under_the_lease_that_saw_them() -> None:
    batch = make_batch(session=make_session(), worker=make_worker())
    batch.suspects = {"0": {"deaths": 1}}
    batch.note_suspects()
    Batch.objects.get().take_away()
    batch.suspects = {"1": {"deaths": 9}}

    batch.note_suspects()

    assert Batch.objects.get().suspects == {"0": {"deaths": 1}}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("batch_kind_is_known", {"kind": "nap"}),
        ("batch_status_is_known", {"status": "lost"}),
        ("leased_batch_has_worker", {"status": BatchStatus.LEASED}),
        ("batch_counts_add_up", {"processed": 1}),
        ("batch_counts_add_up", {"processed": 1, "approved": 1, "rejected": 1}),
        ("batch_never_exceeds_its_manifest", {"processed": 5, "unreadable": 5}),
    ],
)
def test_batch_constraint_refuses_what_its_sentence_forbids(name: str, columns: dict[str, object]) -> None:
    batch = make_batch(session=make_session())

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(**columns)


def test_batch_constraint_refuses_a_worker_when_nobody_holds_the_batch() -> None:
    batch = make_batch(session=make_session())

    with pytest.raises(IntegrityError, match="leased_batch_has_worker"), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(worker=make_worker())


def test_batch_constraint_refuses_a_second_batch_of_one_number() -> None:
    batch = make_batch(session=make_session())

    # SQLite names the columns of a unique constraint, PostgreSQL its name.
    named = r"one_batch_per_number|batch\.session_id, processing_batch\.number"
    with pytest.raises(IntegrityError, match=named), transaction.atomic():
        make_batch(session=batch.session, number=batch.number)
