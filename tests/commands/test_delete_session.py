"""Deleting a session from the command line."""

import pytest

from processing.management.failures import ConfirmationNeeded, NotFound, Refused
from processing.models import ProcessingSession
from tests.commands.running import run
from tests.factories import make_session
from tests.recovery.test_deletion import whole_session

pytestmark = pytest.mark.django_db


def test_delete_session_says_what_is_gone() -> None:
    session = whole_session()

    printed = run("delete_session", str(session.pk)[:8], "--yes")

    assert (printed.out, printed.err) == (f"Session {session.pk} is deleted, with 8 verdicts.\n", "")
    assert not ProcessingSession.objects.exists()


def test_delete_session_prints_one_json_line_when_asked() -> None:
    session = whole_session()

    printed = run("delete_session", "latest", "--yes", "--json")

    assert printed.objects == [{"type": "deletion", "session": str(session.pk), "results": 8}]


def test_delete_session_changes_nothing_before_a_yes() -> None:
    session = whole_session(name="Holiday")

    with pytest.raises(ConfirmationNeeded) as raised:
        run("delete_session", "latest", "--no-input")

    assert (
        str(raised.value) == f"Delete session {session.pk} (Holiday) with 8 verdicts? That cannot be undone."
    )
    assert raised.value.exit_code == 7
    assert ProcessingSession.objects.get().status == "completed"


def test_delete_session_refuses_without_a_question_when_the_session_runs() -> None:
    make_session()

    with pytest.raises(Refused, match="Only a completed or a cancelled session can") as raised:
        run("delete_session", "latest")

    assert raised.value.exit_code == 5


def test_delete_session_is_not_found_when_there_is_none() -> None:
    with pytest.raises(NotFound):
        run("delete_session", "latest", "--yes")
