"""A person's verdicts from the command line."""

import sys
from io import StringIO

import pytest
from django.core.management.base import CommandError

from processing.management.failures import ConfirmationNeeded, NotFound, Refused, WrongUsage
from processing.models import ImageResult, Override, ProcessingSession
from recovery.models import AuditEntry
from tests.commands.running import run
from tests.test_overriding import assert_counts_are_true, decisions, judged_session

pytestmark = pytest.mark.django_db


def entries() -> list[tuple[str, dict[str, object]]]:
    """Read what the audit log says of persons' verdicts."""
    found = AuditEntry.objects.filter(action="override").order_by("number")
    return list(found.values_list("outcome", "details"))


def test_override_puts_one_photo_under_a_persons_verdict_and_says_so() -> None:
    session, _ = judged_session()

    printed = run("override", "latest", "1", "--verdict", "approved", "--note", "sharp enough")

    assert (printed.out, printed.err) == ("1 photo: approved.\n", "")
    assert decisions(session)[1] == "approved"
    assert list(Override.objects.values_list("position", "note")) == [(1, "sharp enough")]
    assert entries() == [
        ("done", {"position": 1, "verdict": "approved", "note": "sharp enough", "photos": 1})
    ]
    assert_counts_are_true(session)


def test_override_prints_one_json_line_when_asked() -> None:
    session, _ = judged_session()

    (printed,) = run("override", "latest", "1", "--verdict", "approved", "--json").objects
    (undone,) = run("override", "latest", "--all", "--undo", "--yes", "--json").objects

    same = {"type": "override", "session": str(session.pk), "note": "", "photos": 1}
    assert printed == same | {"position": 1, "verdict": "approved"}
    assert undone == same | {"position": None, "verdict": None}


def test_override_says_that_nothing_had_to_change_when_it_was_said_before() -> None:
    judged_session()
    run("override", "latest", "1", "--verdict", "approved")

    printed = run("override", "latest", "1", "--verdict", "approved")

    assert (printed.out, Override.objects.count()) == ("Nothing had to change.\n", 1)


def test_undo_lets_the_machines_verdict_count_again() -> None:
    session, _ = judged_session()
    run("override", "latest", "1", "--verdict", "approved")

    printed = run("override", "latest", "1", "--undo")

    assert printed.out == "1 photo: the machine's verdict counts again.\n"
    assert decisions(session)[1] == "rejected"
    assert_counts_are_true(session)


def test_undo_is_refused_when_nobody_overruled_the_photo() -> None:
    judged_session()

    with pytest.raises(NotFound, match="There is no verdict of a person on photo 1"):
        run("override", "latest", "1", "--undo")


def test_override_of_all_asks_with_the_count_and_changes_nothing_before_a_yes() -> None:
    session, _ = judged_session()
    arguments = (
        "override",
        "latest",
        "--all",
        "--verdict-is",
        "rejected",
        "--reason",
        "noise",
        "--verdict",
        "approved",
    )

    with pytest.raises(ConfirmationNeeded, match="Give the verdict approved to 2 photos of session"):
        run(*arguments)
    before = (Override.objects.count(), entries())
    printed = run(*arguments, "--yes")

    assert before == (0, [])
    assert printed.out == "2 photos: approved.\n"
    assert decisions(session)[:4] == ["approved"] * 4
    facts = {"decision": "rejected", "reason": "noise", "verdict": "approved", "note": ""}
    assert entries() == [("done", facts | {"photos": 2, "behind": -1, "until": 3})]
    assert_counts_are_true(session)


def test_override_of_all_is_done_when_a_person_says_yes_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, _ = judged_session()
    answers = StringIO("yes\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answers)

    printed = run("override", "latest", "--all", "--verdict", "rejected")

    assert printed.err == f"Give the verdict rejected to 6 photos of session {session.pk}? [y/N] "
    assert decisions(session) == ["rejected"] * 6


def test_undo_of_all_withdraws_those_that_match_and_no_other() -> None:
    session, _ = judged_session()
    run("override", "latest", "--all", "--verdict-is", "rejected", "--verdict", "approved", "--yes")
    run("override", "latest", "0", "--verdict", "rejected")

    printed = run("override", "latest", "--all", "--verdict-is", "approved", "--undo", "--yes")

    assert printed.out == "2 photos: the machine's verdict counts again.\n"
    assert decisions(session)[:4] == ["rejected", "rejected", "approved", "rejected"]
    assert_counts_are_true(session)


def test_override_of_all_needs_no_yes_when_no_photo_matches() -> None:
    judged_session()

    printed = run("override", "latest", "--all", "--reason", "banding", "--verdict", "approved")

    assert printed.out == "Nothing had to change.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--verdict", "approved"), "Give the POSITION of one photo, or --all."),
        (("1", "--all", "--verdict", "approved"), "Give the POSITION of one photo, or --all."),
        (("1", "--reason", "noise", "--verdict", "approved"), "--verdict-is and --reason choose among"),
        (
            ("1", "--verdict-is", "rejected", "--verdict", "approved"),
            "--verdict-is and --reason choose among",
        ),
    ],
)
def test_override_refuses_arguments_that_make_no_sense(arguments: tuple[str, ...], sentence: str) -> None:
    judged_session()

    with pytest.raises(WrongUsage, match=sentence):
        run("override", "latest", *arguments)


@pytest.mark.parametrize(
    "arguments", [("1",), ("1", "--verdict", "quarantined"), ("-1", "--undo"), ("x", "--undo")]
)
def test_override_refuses_what_it_does_not_understand(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("override", "latest", *arguments)


def test_override_is_not_found_when_the_photo_has_no_verdict() -> None:
    judged_session()

    with pytest.raises(NotFound, match="has no verdict on a photo 7,"):
        run("override", "latest", "7", "--verdict", "approved")


@pytest.mark.parametrize("photos", [("1",), ("--all", "--yes")])
def test_override_is_refused_and_the_refusal_recorded_when_the_session_is_cancelled(
    photos: tuple[str, ...],
) -> None:
    session, _ = judged_session()
    session.cancel()

    with pytest.raises(Refused, match="cannot take a person's verdict: it is cancelled"):
        run("override", "latest", *photos, "--verdict", "approved")

    outcomes = [outcome for outcome, _ in entries()]
    assert outcomes == [f"refused: Session {session.pk} cannot take a person's verdict: it is cancelled."]
    assert (Override.objects.count(), ImageResult.objects.filter(decision="approved").count()) == (0, 2)
    assert ProcessingSession.objects.get().shift == {}
