"""The proof finds a photo without a verdict, one with two, one that is none, and counters that lie."""

from dataclasses import astuple

import pytest

from processing.models import Batch, ImageResult, ProcessingSession
from processing.proof import Proof, prove
from processing.states import Verdict
from tests.factories import make_batch, make_result, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db


def judged_session() -> tuple[ProcessingSession, Batch]:
    """Make a session with one finished batch of four and one half-done of four."""
    session = make_session(total=8, found_count=8)
    worker = make_worker()
    for photos_count in (4, 2):
        batch = make_batch(session=session, worker=worker)
        batch.commit(make_results(batch=batch, photos_count=photos_count), no_seal)
    session.refresh_from_db()
    return session, batch


def test_proof_holds_when_each_photo_has_one_verdict_and_counters_say_so() -> None:
    session, batch = judged_session()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    session.refresh_from_db()

    proof = prove(session)

    assert (proof.holds, proof) == (True, Proof(8, 8, 0, 0, counters_differ=False))


def test_proof_fails_when_photos_have_no_verdict_yet() -> None:
    session, _ = judged_session()

    proof = prove(session)

    assert (proof.holds, proof) == (False, Proof(8, 6, 2, 0, counters_differ=False))


def test_proof_fails_when_a_row_stands_for_no_photo_in_place_of_a_missing_one() -> None:
    session, batch = judged_session()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    session.refresh_from_db()
    ImageResult.objects.filter(position=7).update(position=1000)

    proof = prove(session)

    assert (proof.holds, astuple(proof)) == (False, (8, 8, 1, 1, False))


def test_proof_leaves_rows_out_that_were_put_aside() -> None:
    session, batch = judged_session()
    make_result(batch=batch, position=0, superseded_by=1).save()

    assert prove(session).doubled == 0


def test_proof_fails_when_a_counter_differs_from_the_rows() -> None:
    session, batch = judged_session()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    session.refresh_from_db()
    ImageResult.objects.filter(position=3).update(decision=Verdict.REJECTED)

    proof = prove(session)

    assert (proof.holds, proof.missing, proof.doubled, proof.counters_differ) == (False, 0, 0, True)


def test_proof_fails_when_a_wrong_shift_makes_up_for_a_wrong_counter() -> None:
    session, batch = judged_session()
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    ProcessingSession.objects.filter(pk=session.pk).update(
        approved=7, rejected=1, shift={"approved": 1, "rejected": -1}
    )
    session.refresh_from_db()

    proof = prove(session)

    assert (session.counts()["approved"], proof.holds, proof.counters_differ) == (8, False, True)
