"""A commit: results, counters and checkpoint together or not at all, and only under the lease."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession
from processing.models.commit import COUNTERS, Commit
from processing.states import BatchKind, BatchStatus, Hold, Stage, Verdict
from tests.bulk import multiply
from tests.factories import make_batch, make_result, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db


class SealBroken(Exception):
    """What a seal may raise."""


def break_seal(commit: Commit) -> None:
    """Fail where the checkpoint would be written, at the very end of the transaction."""
    raise SealBroken


def everything() -> list[object]:
    """Read all rows that a commit may touch."""
    rows: list[object] = []
    for model in (ProcessingSession, Batch, ImageResult):
        rows += list(model.objects.order_by("pk").values())
    return rows


def recount(session: ProcessingSession) -> dict[str, int]:
    """Count the live rows of a session by verdict, as a person would."""
    rows = ImageResult.objects.live().filter(session=session).values("verdict")
    counts = dict(rows.annotate(number=Count("pk")).order_by("verdict").values_list("verdict", "number"))
    return {name: counts.get(name, 0) for name in COUNTERS} | {"processed": sum(counts.values())}


def leased_batch(*, photos_count: int = 4, **columns: object) -> Batch:
    """Make a leased batch of a running session."""
    session = make_session(total=photos_count, **columns)
    return make_batch(session=session, photos_count=photos_count, worker=make_worker())


def test_commit_stores_results_counters_and_reasons() -> None:
    batch = leased_batch()
    results = [
        make_result(batch=batch, position=0),
        make_result(batch=batch, position=1, verdict=Verdict.REJECTED, reason="noise"),
        make_result(batch=batch, position=2, verdict=Verdict.UNREADABLE, reason="unreadable"),
    ]

    batch.commit(results, no_seal)

    stored = Batch.objects.get()
    assert [getattr(stored, name) for name in COUNTERS] == [3, 1, 1, 1, 0]
    assert (stored.reason_counts, stored.sequence) == ({"noise": 1, "unreadable": 1}, 1)
    assert (stored.status, stored.worker_id, stored.lease) == (BatchStatus.LEASED, batch.worker_id, 1)
    assert list(ImageResult.objects.in_order().values_list("position", "verdict", "lease")) == [
        (0, "approved", 1),
        (1, "rejected", 1),
        (2, "unreadable", 1),
    ]


def test_commit_leaves_the_holder_knowing_what_is_stored() -> None:
    batch = leased_batch()

    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    stored = Batch.objects.get()
    assert (batch.processed, batch.approved, batch.sequence) == (3, 3, 2)
    assert (stored.processed, stored.approved, stored.sequence) == (3, 3, 2)


def test_commit_tells_the_seal_what_the_transaction_wrote() -> None:
    batch = leased_batch(photos_count=3)
    told: list[tuple[object, ...]] = []

    def note(commit: Commit) -> None:
        last = ImageResult.objects.order_by("pk").values_list("pk", flat=True).last()
        session = None if commit.session is None else (commit.session.processed, commit.session.stage)
        told.append(
            (commit.sequence, commit.last_position, commit.last_result == last, commit.ends_batch, session)
        )

    batch.commit(make_results(batch=batch, photos_count=2), note)
    batch.commit(make_results(batch=batch, photos_count=1), note)

    assert told == [(1, 1, True, False, None), (2, 2, True, True, (3, Stage.COMPARING))]


@pytest.mark.parametrize("photos_count", [2, 4], ids=["inside the batch", "at its end"])
def test_commit_writes_nothing_when_the_lease_was_taken_away(photos_count: int) -> None:
    batch = leased_batch()
    results = make_results(batch=batch, photos_count=photos_count)
    Batch.objects.get().take_away()
    before = everything()
    sealed: list[Commit] = []

    with pytest.raises(LeaseLost):
        batch.commit(results, sealed.append)

    assert (everything(), sealed) == (before, [])


def test_commit_writes_nothing_when_another_worker_has_claimed_the_batch() -> None:
    batch = leased_batch()
    results = make_results(batch=batch, photos_count=2)
    Batch.objects.get().take_away()
    Batch.objects.claim(batch.session_id, make_worker())
    before = everything()

    with pytest.raises(LeaseLost):
        batch.commit(results, no_seal)

    assert everything() == before


def test_commit_writes_nothing_when_the_lease_was_given_back() -> None:
    batch = leased_batch()
    results = make_results(batch=batch, photos_count=2)
    Batch.objects.get().release()
    before = everything()

    with pytest.raises(LeaseLost):
        batch.commit(results, no_seal)

    assert everything() == before


@pytest.mark.parametrize("photos_count", [2, 4], ids=["inside the batch", "at its end"])
def test_commit_writes_nothing_when_the_seal_raises(photos_count: int) -> None:
    batch = leased_batch()
    results = make_results(batch=batch, photos_count=photos_count)
    before = everything()

    with pytest.raises(SealBroken):
        batch.commit(results, break_seal)

    assert everything() == before
    assert (batch.processed, batch.sequence, batch.reason_counts) == (0, 0, {})


def test_commit_writes_nothing_when_a_photo_has_a_live_result_already() -> None:
    batch = leased_batch()
    ImageResult.objects.bulk_create([make_result(batch=batch, position=1)])
    before = everything()

    with pytest.raises(IntegrityError):
        batch.commit([make_result(batch=batch, position=position) for position in (0, 1)], no_seal)

    assert everything() == before


def test_commit_takes_the_same_results_again_when_a_try_was_rolled_back() -> None:
    batch = leased_batch(photos_count=2)
    results = make_results(batch=batch, photos_count=2, verdict=Verdict.REJECTED, reason="noise")
    with pytest.raises(SealBroken):
        batch.commit(results, break_seal)

    batch.commit(results, no_seal)

    session = ProcessingSession.objects.get()
    assert (session.processed, session.rejected, session.reason_counts) == (2, 2, {"noise": 2})
    assert (session.stage, ImageResult.objects.count()) == (Stage.COMPARING, 2)


def test_commit_inserts_new_keys_when_a_rolled_back_try_has_used_some() -> None:
    batch, other = leased_batch(), leased_batch()
    results = make_results(batch=batch, photos_count=2)
    with pytest.raises(SealBroken):
        batch.commit(results, break_seal)
    other.commit(make_results(batch=other, photos_count=2), no_seal)

    batch.commit(results, no_seal)

    assert ImageResult.objects.count() == 4


def test_commit_of_the_same_chunk_is_refused_when_it_has_landed() -> None:
    batch = leased_batch()
    same = Batch.objects.get()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    before = everything()

    with pytest.raises(LeaseLost):
        same.commit([make_result(batch=same, position=position) for position in (0, 1)], no_seal)

    assert everything() == before


def test_commit_of_the_last_chunk_is_refused_when_it_has_landed() -> None:
    batch = leased_batch(photos_count=2)
    same = Batch.objects.get()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    before = everything()

    with pytest.raises(LeaseLost):
        same.commit([make_result(batch=same, position=position) for position in (0, 1)], no_seal)

    assert everything() == before


def test_has_landed_takes_over_what_a_lost_answer_has_written() -> None:
    batch = leased_batch()
    same = Batch.objects.get()
    batch.commit(make_results(batch=batch, photos_count=2, verdict=Verdict.REJECTED, reason="noise"), no_seal)

    landed = same.has_landed()

    same.commit(make_results(batch=same, photos_count=2), no_seal)
    stored = Batch.objects.get(status=BatchStatus.DONE)
    assert landed
    assert (stored.processed, stored.approved, stored.rejected, stored.sequence) == (4, 2, 2, 2)
    assert stored.reason_counts == {"noise": 2}


def test_has_landed_says_no_when_nothing_was_written() -> None:
    batch = leased_batch()

    landed = batch.has_landed()

    assert (landed, batch.processed, batch.sequence) == (False, 0, 0)


def test_has_landed_raises_when_the_lease_was_taken_away() -> None:
    batch = leased_batch()
    Batch.objects.get().take_away()

    with pytest.raises(LeaseLost):
        batch.has_landed()


def test_last_commit_ends_the_batch_and_counts_the_session_up() -> None:
    session = make_session(total=4, processed=1, approved=1, reason_counts={"noise": 1, "banding": 2})
    batch = make_batch(session=session, photos_count=2, worker=make_worker())
    make_batch(session=session)

    batch.commit(make_results(batch=batch, photos_count=2, verdict=Verdict.REJECTED, reason="noise"), no_seal)

    session.refresh_from_db()
    batch.refresh_from_db()
    assert (batch.status, batch.worker) == (BatchStatus.DONE, None)
    assert (session.processed, session.approved, session.rejected, session.stage) == (3, 1, 2, Stage.RUNNING)
    assert session.reason_counts == {"noise": 3, "banding": 2}


def test_last_commit_begins_the_comparison_when_no_batch_is_left() -> None:
    batch = leased_batch(photos_count=2)

    batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    session = ProcessingSession.objects.get()
    assert session.stage == Stage.COMPARING
    assert list(Batch.objects.order_by("number").values_list("number", "kind", "status")) == [
        (0, BatchKind.PHOTOS, BatchStatus.DONE),
        (1, BatchKind.COMPARE, BatchStatus.QUEUED),
    ]


@pytest.mark.parametrize(
    ("hold", "stage"),
    [
        (Hold.PAUSED, Stage.COMPARING),
        (Hold.FAILED, Stage.RUNNING),
        (Hold.CANCELLED, Stage.RUNNING),
    ],
)
def test_last_commit_lands_under_a_hold_but_moves_the_stage_only_under_a_pause(
    hold: Hold, stage: Stage
) -> None:
    batch = leased_batch(photos_count=2, hold=hold)

    batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    session = ProcessingSession.objects.get()
    assert (session.processed, session.stage, session.hold) == (2, stage, hold)
    assert Batch.objects.filter(status=BatchStatus.DONE).count() == 1


def test_pause_lets_the_chunk_in_the_air_land_and_no_more() -> None:
    batch = leased_batch()
    session = ProcessingSession.objects.get()
    session.pause()

    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    batch.release()
    taken = Batch.objects.claim(session.pk, make_worker())

    assert (session.counts()["processed"], taken) == (2, None)


def test_counts_equal_a_recount_of_the_live_rows_at_every_moment() -> None:
    session = make_session(total=8)
    for _ in range(2):
        make_batch(session=session)
    counted = []

    def compare(commit: Commit | None = None) -> None:
        counted.append((ProcessingSession.objects.get().counts(), recount(session)))

    compare()
    for verdict in Verdict:
        batch = Batch.objects.claim(session.pk, make_worker())
        assert batch is not None
        compare()
        batch.commit(make_results(batch=batch, photos_count=2, verdict=verdict), compare)
        compare()
        if Batch.objects.get(pk=batch.pk).status == BatchStatus.LEASED:
            batch.take_away()

    assert [told for told, _ in counted] == [true for _, true in counted]
    assert [told["processed"] for told, _ in counted] == [0, 0, 2, 2, 2, 4, 4, 4, 6, 6, 6, 8, 8]
    assert Batch.objects.filter(kind=BatchKind.PHOTOS, status=BatchStatus.DONE).count() == 2


def test_counts_lose_nothing_when_a_batch_ends_after_the_session_was_read() -> None:
    batch = leased_batch()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    read_before = ProcessingSession.objects.get()

    batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    assert read_before.counts() == recount(read_before)


def queries_of(act: Callable[[], None]) -> list[str]:
    """List the statements of an act by their first words, so that two can be compared; savepoints are numbered."""
    with CaptureQueriesContext(connection) as captured:
        act()
    statements = [query["sql"] for query in captured.captured_queries]
    return [" ".join(sql.split()[: 1 if "SAVEPOINT" in sql else 3]) for sql in statements]


def test_commit_asks_the_same_queries_at_no_and_at_fifty_thousand_rows() -> None:
    batch, later = leased_batch(photos_count=50_002), leased_batch(photos_count=50_002)
    chunks = [
        [make_result(batch=each, position=position) for position in (50_000, 50_001)]
        for each in (batch, later)
    ]
    multiply(make_result(batch=later, position=0), count=50_000, position="n")

    empty = queries_of(lambda: batch.commit(chunks[0], no_seal))
    full = queries_of(lambda: later.commit(chunks[1], no_seal))

    assert full == empty
