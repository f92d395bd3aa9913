"""A person's verdict while others write: commits of the same batch, other persons, the comparison."""

import pytest

from processing.models import Batch, ImageResult, Override, ProcessingSession
from processing.overriding import override, redecide, withdraw
from processing.similarity import run_compare
from processing.states import Stage, Verdict
from tests.factories import make_batch, make_result, make_results, make_session, make_worker, no_seal
from tests.racing import overlap
from tests.test_overriding import assert_counts_are_true, decisions, judged_session

pytestmark = pytest.mark.django_db(transaction=True)


def half_done_batch() -> tuple[ProcessingSession, Batch]:
    """Make a leased batch of four with two results."""
    session = make_session(total=8, found_count=8)
    batch = make_batch(session=session, worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    return session, batch


@pytest.mark.parametrize("photos_count", [1, 2], ids=["inside the batch", "at its end"])
@pytest.mark.parametrize("commit_first", [True, False])
def test_override_and_commit_of_one_batch_lose_nothing_when_they_overlap(
    photos_count: int, *, commit_first: bool
) -> None:
    session, batch = half_done_batch()
    rows = make_results(batch=batch, photos_count=photos_count)
    acts = (
        lambda: batch.commit(rows, no_seal),
        lambda: override(session, [0, 1], Verdict.REJECTED, by="ada"),
    )

    overlap(*acts if commit_first else acts[::-1])

    assert decisions(session) == ["rejected", "rejected", *["approved"] * photos_count]
    assert_counts_are_true(session)


@pytest.mark.parametrize("commit_first", [True, False])
def test_commit_under_a_verdict_and_another_override_lose_nothing_when_they_overlap(
    *, commit_first: bool
) -> None:
    session, batch = half_done_batch()
    Override.objects.create(session=session, position=2, content=f"{2:064x}", old="approved", new="rejected")
    batch = Batch.objects.get(pk=batch.pk)
    rows = make_results(batch=batch, photos_count=1)
    acts = (
        lambda: batch.commit(rows, no_seal),
        lambda: override(session, [0], Verdict.REJECTED, by="ada"),
    )

    overlap(*acts if commit_first else acts[::-1])

    assert decisions(session) == ["rejected", "approved", "rejected"]
    assert_counts_are_true(session)


def test_two_persons_at_once_leave_the_later_verdict_and_true_counts() -> None:
    session, _ = judged_session()

    overlap(
        lambda: override(session, [0, 1], Verdict.REJECTED, by="ada"),
        lambda: override(session, [0, 1, 3], Verdict.APPROVED, by="bea"),
    )

    assert decisions(session)[:4] == ["approved", "approved", "approved", "approved"]
    assert list(Override.objects.filter(position=0).order_by("pk").values_list("old", "new")) == [
        ("approved", "rejected"),
        ("rejected", "approved"),
    ]
    assert_counts_are_true(session)


def test_withdrawal_and_recount_leave_true_counts_when_they_overlap() -> None:
    session, _ = judged_session()
    override(session, [0, 1, 2], Verdict.REJECTED, by="ada")

    overlap(
        lambda: redecide(ProcessingSession.objects.lock(session.pk)),
        lambda: withdraw(session, [0], by="bea"),
    )

    assert decisions(session)[:3] == ["approved", "rejected", "rejected"]
    assert_counts_are_true(session)


@pytest.mark.parametrize("compare_first", [True, False])
def test_override_and_comparison_leave_true_counts_when_they_overlap(*, compare_first: bool) -> None:
    session = make_session(total=2, found_count=2, preset={"similar_distance_max": 5})
    worker = make_worker()
    batch = make_batch(session=session, photos_count=2, worker=worker)
    same = {"sha256": f"{7:064x}", "fingerprint": bytes(32)}
    batch.commit([make_result(batch=batch, position=position, **same) for position in (0, 1)], no_seal)
    compare = Batch.objects.claim(session.pk, worker)
    assert compare is not None
    acts = (
        lambda: run_compare(compare, seal=no_seal),
        lambda: override(session, [0, 1], Verdict.APPROVED, by="ada"),
    )

    overlap(*acts if compare_first else acts[::-1])

    session.refresh_from_db()
    assert (session.stage, decisions(session)) == (Stage.COMPLETED, ["approved", "approved"])
    assert ImageResult.objects.exclude(relation="").count() == 1
    assert_counts_are_true(session)
