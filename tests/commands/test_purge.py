"""`purge`: verdicts that nothing can bring back, and pictures of sessions that are gone, go; nothing else does."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from processing.management.failures import ConfirmationNeeded, WrongUsage
from recovery.models import AuditEntry
from tests.commands.running import run
from tests.factories import make_session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """The folder of pictures, with one file that is not ours."""
    settings.STOCKPROOF_VAR = tmp_path
    made = tmp_path / "pictures"
    made.mkdir()
    (made / "notes.txt").write_text("mine")
    return made


def keep_picture(folder: Path, session_id: UUID) -> Path:
    """Leave a picture of a session."""
    picture = folder / str(session_id) / "ab" / "ab.thumbnail.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"jpeg")
    return picture


def test_pictures_of_sessions_that_are_gone_are_removed_and_recorded(folder: Path) -> None:
    kept, gone = keep_picture(folder, make_session().pk), keep_picture(folder, session_id := uuid4())

    [rehearsed] = run("purge", "--orphans", "--dry-run", "--json").objects
    was_there = gone.exists()
    [purged] = run("purge", "--orphans", "--yes", "--json").objects
    again = run("purge", "--orphans").out

    assert (rehearsed, was_there) == ({"type": "purge", "orphans": 1, "dry_run": True}, True)
    assert purged == {"type": "purge", "orphans": 1, "dry_run": False}
    assert again == "Pictures of 0 sessions that are gone were removed.\n"
    assert (kept.exists(), gone.parent.parent.exists(), (folder / "notes.txt").exists()) == (
        True,
        False,
        True,
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.details) == ("cleanup", {"orphans": [str(session_id)], "sessions": 1})


def test_nothing_is_removed_when_nobody_said_what_or_yes(folder: Path) -> None:
    gone = keep_picture(folder, uuid4())

    with pytest.raises(WrongUsage, match="Say what to remove"):
        run("purge", "--yes")
    with pytest.raises(ConfirmationNeeded):
        run("purge", "--orphans", "--no-input")

    assert gone.exists()
    assert not AuditEntry.objects.exists()
