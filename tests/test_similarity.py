"""The compare stage: what it changes, that it may be run again, and when it does not land."""

from typing import Any

import pytest
from django.db import transaction

from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession, StepRefused
from processing.overriding import override, shift_of
from processing.proof import prove
from processing.published import images_of
from processing.similarity import clear_relations, run_compare
from processing.states import BatchKind, Stage, Status, Verdict
from recovery import checkpoints
from recovery.models import Checkpoint
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db

SAME = f"{7:064x}"
NEAR = bytes(31) + b"\x07"
FAR = bytes(range(32))


def compared_photos() -> list[dict[str, Any]]:
    """Describe six photos: a duplicate of the first, a near one, two strangers and one that was refused."""
    return [
        {"sha256": SAME, "fingerprint": bytes(32), "measures": {"focus": 0.5}},
        {"sha256": f"{1:064x}", "fingerprint": FAR, "measures": {"focus": 0.5}},
        {"sha256": SAME, "fingerprint": bytes(32), "measures": {"focus": 0.5}},
        {"sha256": f"{2:064x}", "fingerprint": NEAR, "measures": {"focus": 0.9}},
        {"sha256": SAME, "verdict": Verdict.REJECTED, "reason": "noise", "fingerprint": bytes(32)},
        {"sha256": "", "verdict": Verdict.UNREADABLE, "reason": "unreadable"},
    ]


def comparing_session(
    photos: list[dict[str, Any]] | None = None, *, backwards: bool = False
) -> tuple[ProcessingSession, Batch]:
    """Make a session whose photos are all judged, and its leased comparison."""
    photos = compared_photos() if photos is None else photos
    session = make_session(total=len(photos), found_count=len(photos), preset={"similar_distance_max": 5})
    worker = make_worker()
    held = make_batch(session=session, photos_count=len(photos), worker=worker)
    results = [make_result(batch=held, position=position, **one) for position, one in enumerate(photos)]
    held.commit(results[::-1] if backwards else results, no_seal)
    batch = Batch.objects.claim(session.pk, worker)
    assert batch is not None
    assert batch.kind == BatchKind.COMPARE
    session.refresh_from_db()
    return session, batch


def found(session: ProcessingSession) -> list[tuple[Any, ...]]:
    """Give what compare stored beside each row."""
    rows = ImageResult.objects.live().filter(session=session).in_order()
    return list(rows.values_list("position", "similar_group", "relation", "distance", "decision"))


EXPECTED = [
    (0, 0, "similar", 3.0, "rejected"),
    (1, None, "", None, "approved"),
    (2, 0, "duplicate", 0.0, "rejected"),
    (3, 0, "", None, "approved"),
    (4, 0, "duplicate", 0.0, "rejected"),
    (5, None, "", None, "unreadable"),
]


def test_comparison_rejects_all_but_the_sharpest_and_completes_the_session() -> None:
    session, batch = comparing_session()

    run_compare(batch, seal=checkpoints.take)

    session.refresh_from_db()
    assert found(session) == EXPECTED
    counts = session.counts()
    assert (session.status, counts["approved"], counts["rejected"], counts["unreadable"]) == (
        Status.COMPLETED,
        2,
        3,
        1,
    )
    assert session.reason_counts == {"noise": 1, "unreadable": 1, "similar": 1, "duplicate": 1}
    assert prove(session).holds
    assert (Batch.objects.get(pk=batch.pk).status, session.ended_at is None) == ("done", False)
    assert list(Checkpoint.objects.values_list("checkpoint_type", "processed_count")) == [("batch", 6)]


def test_comparison_tells_the_verdict_and_the_reason_with_its_limit() -> None:
    session, batch = comparing_session()

    run_compare(batch, seal=no_seal)

    images = list(images_of(session))
    assert [image["verdict"] for image in images] == [row[4] for row in EXPECTED]
    assert images[0]["reasons"] == [{"code": "similar", "measured": 3.0, "limit": 5}]
    assert [reason["code"] for reason in images[4]["reasons"]] == ["noise"]


def test_comparison_gives_the_same_when_it_is_run_again() -> None:
    session, batch = comparing_session()
    run_compare(batch, seal=no_seal)
    ProcessingSession.objects.filter(pk=session.pk).update(
        stage=Stage.COMPARING, reason_counts={"noise": 1, "unreadable": 1}
    )
    ImageResult.objects.filter(position=3).update(fingerprint=FAR[::-1])
    Batch.objects.filter(pk=batch.pk).update(status="queued")
    again = Batch.objects.claim(session.pk, make_worker())
    assert again is not None

    run_compare(again, seal=no_seal)

    rows = found(session)
    assert rows[0] == (0, 0, "", None, "approved")
    assert rows[3] == (3, None, "", None, "approved")
    assert prove(session).holds


def test_comparison_does_not_depend_on_the_order_of_completion() -> None:
    session, batch = comparing_session(backwards=True)

    run_compare(batch, seal=no_seal)

    assert found(session) == EXPECTED


def test_comparison_leaves_a_session_without_photos_to_compare_completed() -> None:
    session, batch = comparing_session([{"sha256": "", "verdict": Verdict.UNREADABLE}])

    run_compare(batch, seal=no_seal)

    session.refresh_from_db()
    assert (session.status, session.unreadable) == (Status.COMPLETED, 1)


@pytest.mark.parametrize("step", ["cancel", "fail"])
def test_comparison_writes_nothing_when_the_session_is_stopped_for_good(step: str) -> None:
    session, batch = comparing_session()
    before = found(session)
    session.cancel() if step == "cancel" else session.fail("no disk")

    with pytest.raises(StepRefused):
        run_compare(batch, seal=no_seal)

    assert (found(session), Batch.objects.get(pk=batch.pk).status) == (before, "leased")


def test_comparison_writes_nothing_when_its_lease_was_taken_away() -> None:
    session, batch = comparing_session()
    before = found(session)
    Batch.objects.get(pk=batch.pk).take_away()

    with pytest.raises(LeaseLost):
        run_compare(batch, seal=no_seal)

    session.refresh_from_db()
    assert (found(session), session.status) == (before, Status.COMPARING)


def test_comparison_lands_and_clears_the_pause_when_the_session_was_paused() -> None:
    session, batch = comparing_session()
    session.pause()

    run_compare(batch, seal=no_seal)

    session.refresh_from_db()
    assert session.status == Status.COMPLETED


def test_comparison_leaves_a_persons_verdict_standing() -> None:
    session, batch = comparing_session()
    override(session, [0, 4], Verdict.APPROVED, by="ada")
    override(session, [3], Verdict.REJECTED, by="ada")

    run_compare(batch, seal=no_seal)

    session.refresh_from_db()
    decided = ["approved", "approved", "rejected", "rejected", "approved", "unreadable"]
    assert [row[:4] for row in found(session)] == [row[:4] for row in EXPECTED]
    assert [row[4] for row in found(session)] == decided
    assert session.reason_counts == {"noise": 1, "unreadable": 1, "similar": 1, "duplicate": 1}
    assert session.shift == shift_of(session) == {"approved": -1, "rejected": 1}
    assert prove(session).holds


def test_clearing_a_comparison_leaves_persons_verdicts_and_true_counts() -> None:
    session, batch = comparing_session()
    run_compare(batch, seal=no_seal)
    override(session, [0], Verdict.APPROVED, by="ada")
    override(session, [1, 3], Verdict.REJECTED, by="ada")

    with transaction.atomic():
        clear_relations(ProcessingSession.objects.lock(session.pk))

    decided = ["approved", "rejected", "approved", "rejected", "rejected", "unreadable"]
    assert found(session) == [(position, None, "", None, decided[position]) for position in range(6)]
    assert prove(session).holds
