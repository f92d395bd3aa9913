"""Undo of a person's act: every photo stands as it stood before, unless something was said of it since."""

import pytest

from processing import overriding, taking_back
from processing.models import Override, ProcessingSession, StepRefused
from processing.overriding import Choice, Saying, override, say, say_to_page
from processing.taking_back import Deed
from recovery import overrides
from recovery.models import AuditEntry
from tests.test_overriding import assert_counts_are_true, decisions, judged_session

pytestmark = pytest.mark.django_db


def newest_words(session: ProcessingSession, position: int) -> tuple[str, str]:
    """Give verdict and note of the newest event of a photo."""
    event = Override.objects.filter(session=session, position=position).order_by("-pk")[0]
    return event.new, event.note


def reject_all(session: ProcessingSession) -> Deed:
    """Reject every photo, and name the act."""
    act = overrides.say_to_all(session, Choice(), Saying("rejected", "ada", "all of it"))
    return Deed("rejected", "ada", act.first, act.last)


def test_undo_restores_what_was_said_before_with_its_note() -> None:
    session, _ = judged_session()
    override(session, [1], "approved", by="bea", note="the grain is wanted")
    before = decisions(session)
    deed = reject_all(session)

    act, kept = overrides.take_back(session, deed, "ada")

    assert (act.changed, kept) == (6, 0)
    assert decisions(session) == before
    assert newest_words(session, 1) == ("approved", "the grain is wanted")
    assert newest_words(session, 0) == ("", "")
    assert_counts_are_true(session)


def test_undo_goes_page_by_page_and_is_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overriding, "PAGE_ROWS", 2)
    monkeypatch.setattr(taking_back, "PAGE_ROWS", 2)
    session, _ = judged_session()
    before = decisions(session)
    deed = reject_all(session)
    said = AuditEntry.objects.count()

    overrides.take_back(session, deed, "cy", address="10.0.0.7")

    entries = AuditEntry.objects.order_by("number")[said:]
    assert decisions(session) == before
    assert [(entry.actor, entry.address, entry.details["photos"]) for entry in entries] == [
        ("cy", "10.0.0.7", 2),
        ("cy", "10.0.0.7", 2),
        ("cy", "10.0.0.7", 2),
        ("cy", "10.0.0.7", 0),
    ]
    assert_counts_are_true(session)


def test_undo_leaves_alone_what_somebody_has_said_since() -> None:
    session, _ = judged_session()
    deed = reject_all(session)
    override(session, [0], "approved", by="bea")

    act, kept = overrides.take_back(session, deed, "ada")

    assert (act.changed, kept) == (5, 1)
    assert newest_words(session, 0) == ("approved", "")
    assert_counts_are_true(session)


def test_undo_changes_nothing_when_it_is_asked_for_twice() -> None:
    session, _ = judged_session()
    deed = reject_all(session)
    overrides.take_back(session, deed, "ada")
    before, events = decisions(session), Override.objects.count()

    act, kept = overrides.take_back(session, deed, "ada")

    assert (act.changed, kept) == (0, 6)
    assert (decisions(session), Override.objects.count()) == (before, events)


def test_undo_of_a_withdrawal_puts_the_persons_verdict_back() -> None:
    session, _ = judged_session()
    override(session, [1], "approved", by="ada", note="wanted")
    act = say(session, [1], Saying("", "ada"))

    overrides.take_back(session, Deed("", "ada", act.first, act.last), "ada")

    assert newest_words(session, 1) == ("approved", "wanted")
    assert decisions(session)[1] == "approved"
    assert_counts_are_true(session)


def test_undo_touches_no_other_session_and_nobody_elses_events() -> None:
    session, _ = judged_session()
    other, _ = judged_session()
    first = say(session, [0], Saying("rejected", "ada")).first
    override(other, [0], "rejected", by="ada")
    override(session, [2], "rejected", by="bea")
    last = say(session, [1], Saying("rejected", "ada")).last

    overrides.take_back(session, Deed("rejected", "ada", first, last), "ada")

    assert newest_words(other, 0) == ("rejected", "")
    assert newest_words(session, 2) == ("rejected", "")
    assert newest_words(session, 0) == ("", "")


def test_undo_is_refused_when_the_session_is_cancelled() -> None:
    session, _ = judged_session()
    deed = reject_all(session)
    session.cancel()

    with pytest.raises(StepRefused):
        overrides.take_back(session, deed, "ada")

    assert AuditEntry.objects.order_by("-number")[0].outcome.startswith("refused: ")


def test_page_is_refused_when_the_session_is_cancelled() -> None:
    session, _ = judged_session()
    session.cancel()

    with pytest.raises(StepRefused, match="take a person's verdict"):
        say_to_page(session, Choice(), Saying("approved", "ada"))
