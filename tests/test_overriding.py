"""A person's verdict: an event that decides while the photo's content is the same, with counts that equal a recount."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from processing import overriding
from processing.models import Batch, ImageResult, Override, ProcessingSession, StepRefused
from processing.models.commit import COUNTERS
from processing.overriding import (
    Act,
    Choice,
    NoVerdictYet,
    Page,
    Saying,
    count_chosen,
    override,
    redecide,
    say_to_page,
    shift_of,
    withdraw,
)
from processing.proof import prove
from processing.published import images_of
from processing.states import Hold, Relation, Verdict
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db

REJECTED, APPROVED = Verdict.REJECTED, Verdict.APPROVED
# What the machine says of the six photos of a judged batch.
MEASURED = (APPROVED, REJECTED, APPROVED, REJECTED, Verdict.UNREADABLE, Verdict.QUARANTINED)


def judged_session(**columns: Any) -> tuple[ProcessingSession, Batch]:
    """Make a session of six judged photos, and the leased batch of the next two."""
    session = make_session(total=8, found_count=8, **columns)
    worker = make_worker()
    batch, after = (make_batch(session=session, photos_count=count, worker=worker) for count in (6, 2))
    rows = [
        make_result(
            batch=batch, position=position, verdict=verdict, reason="noise" if verdict == REJECTED else ""
        )
        for position, verdict in enumerate(MEASURED)
    ]
    batch.commit(rows, no_seal)
    session.refresh_from_db()
    return session, after


def decisions(session: ProcessingSession) -> list[str]:
    """Read the decisions of live rows in order of position."""
    return list(
        ImageResult.objects.live().filter(session=session).in_order().values_list("decision", flat=True)
    )


def assert_counts_are_true(session: ProcessingSession) -> None:
    """Assert that counts and shift equal what a person would count in the rows."""
    rows = list(ImageResult.objects.live().filter(session=session).values_list("verdict", "decision"))
    counted = Counter(decision for _, decision in rows)
    measured = Counter(verdict for verdict, _ in rows)
    shift = {
        name: counted[name] - measured[name] for name in Verdict.values if counted[name] != measured[name]
    }
    stored = ProcessingSession.objects.get(pk=session.pk)
    assert stored.counts() == {name: counted[name] for name in COUNTERS} | {"processed": len(rows)}
    assert (stored.shift, shift_of(session)) == (shift, shift)
    assert not prove(session).counters_differ


def supersede(session: ProcessingSession, position: int) -> Batch:
    """Put a photo's row aside, as a recovery does, and give its batch to a worker again."""
    row = ImageResult.objects.live().get(session=session, position=position)
    with transaction.atomic():
        locked = ProcessingSession.objects.lock(session.pk)
        ImageResult.objects.filter(pk=row.pk).update(superseded_by=1)
        fewer = {name: getattr(row.batch, name) - (name in ("processed", row.verdict)) for name in COUNTERS}
        Batch.objects.filter(pk=row.batch_id).update(**fewer, status="queued", worker=None)
        fewer = {name: getattr(locked, name) - getattr(row.batch, name) for name in COUNTERS}
        ProcessingSession.objects.filter(pk=session.pk).update(**fewer)
        redecide(locked)
    batch = Batch.objects.claim(session.pk, make_worker())
    assert batch is not None
    return batch


def test_override_is_an_event_and_moves_decision_and_counts() -> None:
    session, _ = judged_session()

    added = override(session, [1], APPROVED, by="ada", note="sharp enough")

    event = Override.objects.get()
    assert added == 1
    assert (event.position, event.content, event.old, event.new) == (1, f"{1:064x}", "rejected", "approved")
    assert (event.by, event.note) == ("ada", "sharp enough")
    row = ImageResult.objects.get(position=1)
    assert (row.verdict, row.decision, row.is_authentic()) == ("rejected", "approved", True)
    assert session.counts()["approved"] == 3
    assert_counts_are_true(session)


def test_newest_verdict_wins_when_several_were_given() -> None:
    session, _ = judged_session()

    for verdict in (APPROVED, REJECTED, APPROVED):
        override(session, [1], verdict, by="ada")

    assert list(Override.objects.order_by("pk").values_list("old", "new")) == [
        ("rejected", "approved"),
        ("approved", "rejected"),
        ("rejected", "approved"),
    ]
    assert decisions(session)[1] == "approved"
    assert_counts_are_true(session)


def test_override_adds_no_event_when_the_same_was_said_before() -> None:
    session, _ = judged_session()
    override(session, [1], APPROVED, by="ada", note="fine")

    again = override(session, [1], APPROVED, by="ada", note="fine")
    with_another_note = override(session, [1], APPROVED, by="ada", note="very fine")

    assert (again, with_another_note, Override.objects.count()) == (0, 1, 2)
    assert_counts_are_true(session)


def test_withdrawing_lets_the_machines_verdict_count_again() -> None:
    session, _ = judged_session()
    override(session, [0, 1, 4, 5], REJECTED, by="ada")
    ImageResult.objects.filter(position=2).update(
        relation=Relation.SIMILAR, similar_group=0, decision=REJECTED
    )
    override(session, [2], APPROVED, by="ada")

    taken_back = withdraw(session, [0, 1, 2, 3, 4], by="bea")

    assert taken_back == 4
    assert decisions(session) == ["approved", "rejected", "rejected", "rejected", "unreadable", "rejected"]
    assert list(Override.objects.filter(by="bea").order_by("position").values_list("position", "new")) == [
        (0, ""),
        (1, ""),
        (2, ""),
        (4, ""),
    ]
    with transaction.atomic():
        redecide(ProcessingSession.objects.lock(session.pk))
    assert_counts_are_true(session)


@pytest.mark.parametrize(
    "act", [lambda s, p: override(s, p, APPROVED, by=""), lambda s, p: withdraw(s, p, by="")]
)
def test_nothing_is_said_of_a_photo_without_a_live_row(act: Any) -> None:
    session, _ = judged_session()
    before = decisions(session)

    with pytest.raises(NoVerdictYet, match="has no verdict on a photo 6,"):
        act(session, [1, 6])

    assert (decisions(session), Override.objects.count()) == (before, 0)


@pytest.mark.parametrize("verdict", ["", Verdict.UNREADABLE, Verdict.QUARANTINED, "splendid"])
def test_override_refuses_what_is_no_opinion(verdict: str) -> None:
    session, _ = judged_session()

    with pytest.raises(ValueError, match="verdict"):
        override(session, [1], verdict, by="ada")

    assert Override.objects.count() == 0


@pytest.mark.parametrize("hold", Hold)
def test_override_is_allowed_in_every_state_but_cancelled(hold: Hold) -> None:
    session, _ = judged_session()
    ProcessingSession.objects.filter(pk=session.pk).update(hold=hold)

    try:
        outcome = str(override(session, [1], APPROVED, by="ada"))
    except StepRefused as error:
        outcome = str(error)

    refused = f"Session {session.pk} cannot take a person's verdict: it is cancelled."
    assert outcome == (refused if hold == Hold.CANCELLED else "1")
    assert decisions(session)[1] == ("rejected" if hold == Hold.CANCELLED else "approved")


def test_override_survives_that_its_photo_is_analyzed_again() -> None:
    session, _ = judged_session()
    override(session, [1, 4], APPROVED, by="ada")
    batch = supersede(session, 1)
    assert_counts_are_true(session)

    batch.commit([make_result(batch=batch, position=1, verdict=REJECTED, reason="noise")], no_seal)

    assert decisions(session)[1] == "approved"
    assert_counts_are_true(session)


def test_override_lapses_when_the_content_differs_and_comes_back_with_it() -> None:
    session, _ = judged_session()
    override(session, [1], APPROVED, by="ada")

    batch = supersede(session, 1)
    batch.commit([make_result(batch=batch, position=1, verdict=REJECTED, sha256=f"{99:064x}")], no_seal)
    lapsed = decisions(session)[1]
    batch = supersede(session, 1)
    batch.commit([make_result(batch=batch, position=1, verdict=REJECTED)], no_seal)

    assert (lapsed, decisions(session)[1]) == ("rejected", "approved")
    assert_counts_are_true(session)


@pytest.mark.parametrize("changed", [{"size_bytes": 7}, {"mtime_ns": 7}, {"sha256": f"{4:064x}"}])
def test_override_of_a_photo_without_a_hash_lapses_when_size_or_instant_differ(
    changed: dict[str, Any],
) -> None:
    session, _ = judged_session()
    ImageResult.objects.filter(position=4).update(sha256="")
    override(session, [4], APPROVED, by="ada")
    in_force = decisions(session)[4]
    ImageResult.objects.filter(position=4).update(**changed)

    with transaction.atomic():
        redecide(ProcessingSession.objects.lock(session.pk))

    assert (in_force, decisions(session)[4]) == ("approved", "unreadable")
    assert_counts_are_true(session)


def test_lapsed_verdict_is_replaced_by_the_next_one_and_can_be_withdrawn() -> None:
    session, _ = judged_session()
    override(session, [1], APPROVED, by="ada")
    ImageResult.objects.filter(position=1).update(sha256=f"{99:064x}")
    with transaction.atomic():
        redecide(ProcessingSession.objects.lock(session.pk), [1])

    added = override(session, [1], APPROVED, by="ada")

    assert (added, decisions(session)[1]) == (1, "approved")
    assert withdraw(session, [1], by="ada") == 1
    assert decisions(session)[1] == "rejected"
    assert_counts_are_true(session)


def test_redecide_repairs_every_decision_and_the_shift() -> None:
    session, _ = judged_session()
    override(session, [0], REJECTED, by="ada")
    override(session, [1, 4], APPROVED, by="ada")
    withdraw(session, [4], by="ada")
    ImageResult.objects.filter(position=2).update(relation=Relation.DUPLICATE, similar_group=0)
    ImageResult.objects.exclude(position=2).update(decision=Verdict.QUARANTINED)
    ProcessingSession.objects.update(shift={"approved": 7})

    with transaction.atomic():
        redecide(ProcessingSession.objects.lock(session.pk))

    assert decisions(session) == ["rejected", "approved", "rejected", "rejected", "unreadable", "quarantined"]
    assert_counts_are_true(session)


def test_redecide_leaves_other_positions_and_other_sessions_alone_when_positions_are_given() -> None:
    session, _ = judged_session()
    other, _ = judged_session()
    override(other, [1], APPROVED, by="ada")
    ImageResult.objects.update(decision=Verdict.QUARANTINED)

    with transaction.atomic():
        redecide(ProcessingSession.objects.lock(session.pk), [1, 3])

    assert decisions(session) == [
        "quarantined",
        "rejected",
        "quarantined",
        "rejected",
        "quarantined",
        "quarantined",
    ]
    assert decisions(other) == ["quarantined"] * 6
    assert_counts_are_true(session)


def test_last_commit_of_a_batch_keeps_verdict_counters_and_shift_together() -> None:
    session, after = judged_session()
    batch = supersede(session, 1)
    Override.objects.create(session=session, position=1, content=f"{1:064x}", old=REJECTED, new=APPROVED)
    Override.objects.create(session=session, position=7, content="another", old=REJECTED, new=APPROVED)

    batch.commit([make_result(batch=batch, position=1, verdict=REJECTED, reason="noise")], no_seal)
    after.commit([make_result(batch=after, position=p, verdict=REJECTED) for p in (6, 7)], no_seal)

    session.refresh_from_db()
    assert (session.processed, session.rejected, session.shift) == (8, 4, {"approved": 1, "rejected": -1})
    assert decisions(session)[6:] == ["rejected", "rejected"]
    assert_counts_are_true(session)


def test_commit_asks_for_verdicts_of_persons_once_a_claim() -> None:
    _, batch = judged_session()
    chunks = [[make_result(batch=batch, position=position)] for position in (6, 7)]
    asked = []

    for chunk in chunks:
        with CaptureQueriesContext(connection) as captured:
            batch.commit(chunk, no_seal)
        asked.append(sum("processing_override" in query["sql"] for query in captured.captured_queries))

    assert asked == [1, 0]


def test_images_tell_the_persons_verdict_beside_the_machines() -> None:
    session, _ = judged_session()
    override(session, [0], REJECTED, by="ada", note="a logo")
    override(session, [1, 3], APPROVED, by="ada")
    withdraw(session, [3], by="ada")
    ImageResult.objects.filter(position=1).update(sha256=f"{99:064x}")

    images = list(images_of(session))

    assert [image["override"] for image in images] == [{"verdict": "rejected", "note": "a logo"}, *[None] * 5]
    assert [image["verdict"] for image in images] == list(MEASURED)
    assert [image["position"] for image in images_of(session, "rejected")] == [1, 3]
    assert [image["position"] for image in images_of(session, "approved")] == [0, 2]


CHOICES = [
    (Choice(), [0, 1, 2, 3, 4, 5]),
    (Choice(decision="rejected"), [0, 3]),
    (Choice(reason="noise"), [1, 3]),
    (Choice(decision="approved", reason="noise"), [1]),
    (Choice(reason="similar"), [2]),
    (Choice(reason="code"), []),
    (Choice(reason="NOISE"), []),
    (Choice(reason="%"), []),
    (Choice(overridden=True), [0, 1]),
    (Choice(decision="approved", overridden=True), [1]),
]


def chosen_session() -> ProcessingSession:
    """Make a session with photos that persons, compare or nobody overruled."""
    session, _ = judged_session()
    override(session, [0, 4], REJECTED, by="ada")
    withdraw(session, [4], by="ada")
    override(session, [1], APPROVED, by="ada")
    ImageResult.objects.filter(position=2).update(relation=Relation.SIMILAR, similar_group=0)
    return session


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_choice_means_photos_by_decision_reason_and_persons_verdict(
    choice: Choice, expected: list[int]
) -> None:
    session = chosen_session()

    rows = choice.rows(session).in_order()

    assert [row.position for row in rows if choice.takes(row)] == expected
    assert count_chosen(session, choice) == len(expected)


def test_all_that_match_are_overruled_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overriding, "PAGE_ROWS", 2)
    session, _ = judged_session()
    choice, saying = Choice(decision="rejected", reason="noise"), Saying("approved", "ada", "grain is wanted")

    pages = [say_to_page(session, choice, saying)]
    pages.append(say_to_page(session, choice, saying, pages[-1].last_position))

    assert pages == [
        Page(3, Act(2, *Override.objects.values_list("pk", flat=True).order_by("pk")), is_last=False),
        Page(3, Act(), is_last=True),
    ]
    assert decisions(session)[:4] == ["approved"] * 4
    assert_counts_are_true(session)


def test_pages_go_on_behind_a_position_and_skip_what_was_said_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overriding, "PAGE_ROWS", 2)
    session, _ = judged_session()
    override(session, [0], REJECTED, by="ada")

    pages = [say_to_page(session, Choice(), Saying("rejected", "ada"), after) for after in (-1, 1, 5)]

    assert [page.act.changed for page in pages] == [1, 2, 0]
    assert [(page.last_position, page.is_last) for page in pages] == [(1, False), (3, False), (5, True)]
    assert decisions(session)[:4] == ["rejected"] * 4
    assert_counts_are_true(session)
