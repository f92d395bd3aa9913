"""`recover`: asks first, prints the recovery, and goes on to the end."""

import json
import socket
from pathlib import Path

import pytest
from django.db.models.functions import Now

from processing.management.failures import (
    CommandFailed,
    ConfirmationNeeded,
    IntegrityFailed,
    NotFound,
    Refused,
)
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.proof import prove
from processing.states import Stage, Status
from recovery import checkpoints
from recovery.models import Checkpoint, Crash, RecoveryAttempt
from tests.commands.processes import make_dead
from tests.commands.running import run, run_process
from tests.factories import make_batch, make_crash, make_results, make_session, make_worker
from tests.recovery.sources import lay_out
from tests.slices import scanned_session, write_photos

RECOVERY_KEYS = [
    "type",
    "session",
    "attempt",
    "option",
    "success",
    "message",
    "start_index",
    "keep",
    "redo",
    "left",
]


def interrupted(folder: Path) -> ProcessingSession:
    """Make an interrupted session of four photos, one of them judged."""
    session = make_session(total=4, found_count=4)
    batch = make_batch(session=session, worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=1), checkpoints.take)
    lay_out(session, folder / "photos")
    session.latch()
    return session


@pytest.mark.django_db
def test_recover_does_nothing_when_nobody_says_yes() -> None:
    session = make_session()
    session.latch()

    with pytest.raises(ConfirmationNeeded) as refused:
        run("recover", "latest", "--json")

    session.refresh_from_db()
    assert (refused.value.exit_code, session.status) == (7, Status.INTERRUPTED)
    assert str(refused.value) == f"Continue: session {session.pk} (Holiday, interrupted)?"


@pytest.mark.django_db
def test_recover_prints_what_it_did(tmp_path: Path) -> None:
    session = interrupted(tmp_path)

    printed = run("recover", "latest", "--yes", "--json")

    (line,) = printed.objects
    assert list(line) == RECOVERY_KEYS
    assert line == {
        "type": "recovery",
        "session": str(session.pk),
        "attempt": 1,
        "option": "continue",
        "success": True,
        "message": "The session goes on from photo 2: 1 verdicts kept, 0 put aside, 3 photos left.",
        "start_index": 1,
        "keep": 1,
        "redo": 0,
        "left": 3,
    }


@pytest.mark.django_db
def test_recover_is_refused_on_a_completed_session(tmp_path: Path) -> None:
    session = make_session(stage=Stage.COMPLETED)
    lay_out(session, tmp_path / "photos")

    with pytest.raises(Refused) as refused:
        run("recover", "latest", "--yes")

    assert (refused.value.exit_code, refused.value.session) == (5, str(session.pk))
    assert RecoveryAttempt.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_recover_buries_the_dead_first_and_goes_on_to_the_end(tmp_path: Path, database_url: str) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2))
    for worker in Worker.objects.living().order_by("pk"):
        worker.end()
    make_dead(serves=session)

    ended = run_process(
        "recover", "latest", "--yes", "--wait", "--workers", "1", "--json", "--skip-checks",
        DATABASE_URL=database_url,
    )  # fmt: skip

    session.refresh_from_db()
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr
    assert (lines[0]["type"], lines[-1]["type"], lines[-1]["crashes"], lines[-1]["recoveries"]) == (
        "recovery",
        "summary",
        1,
        1,
    )
    assert (session.status, prove(session).holds) == (Status.COMPLETED, True)
    assert Crash.objects.get().closed_by == RecoveryAttempt.objects.get()


@pytest.mark.django_db
def test_dry_run_prints_the_option_and_does_nothing(tmp_path: Path) -> None:
    session = interrupted(tmp_path)

    printed = run("recover", str(session.pk), "--option", "restart_batch", "--dry-run", "--json")

    (line,) = printed.objects
    assert (line["type"], line["option"], line["keep"], line["redo"]) == ("option", "restart_batch", 0, 1)
    assert RecoveryAttempt.objects.count() == 0


@pytest.mark.django_db
def test_fresh_start_and_its_undo_by_command(tmp_path: Path) -> None:
    session = interrupted(tmp_path)

    with pytest.raises(ConfirmationNeeded):
        run("recover", "latest", "--option", "fresh_start", "--json")
    fresh = run("recover", "latest", "--option", "fresh_start", "--yes", "--json").objects[0]
    with pytest.raises(ConfirmationNeeded):
        run("rollback_recovery", "latest", "--json")
    undone = run("rollback_recovery", "latest", "--yes", "--json").objects[0]

    session.refresh_from_db()
    assert (fresh["keep"], fresh["redo"], fresh["start_index"]) == (0, 1, 0)
    assert list(undone) == RECOVERY_KEYS
    assert (undone["type"], undone["option"], undone["keep"], undone["left"]) == ("rollback", "undo", 1, 3)
    assert session.status == Status.PAUSED


@pytest.mark.django_db
def test_recover_goes_back_to_a_checkpoint_named_by_a_prefix(tmp_path: Path) -> None:
    session = interrupted(tmp_path)
    first = Checkpoint.objects.get(session=session)
    session.recover()
    batch = Batch.objects.claim(session.pk, make_worker())
    batch.commit(make_results(batch=batch, photos_count=2), checkpoints.take)
    session.pause()

    line = run("recover", "latest", "--checkpoint", str(first.pk)[:12], "--yes", "--json").objects[0]

    assert (line["keep"], line["redo"], line["start_index"]) == (1, 2, 1)
    assert ImageResult.objects.live().filter(session=session).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nothing", "0000", "x" * 500, "00000000-0000-0000-0000-000000000000"])
def test_unknown_checkpoint_is_named(tmp_path: Path, name: str) -> None:
    interrupted(tmp_path)

    with pytest.raises(NotFound, match="checkpoint"):
        run("recover", "latest", "--checkpoint", name, "--yes")


@pytest.mark.django_db
def test_all_safe_continues_what_is_surely_safe_and_nothing_else(tmp_path: Path) -> None:
    safe, other = interrupted(tmp_path / "a"), interrupted(tmp_path / "b")
    (tmp_path / "b" / "photos" / "000000.jpg").unlink()

    printed = run("recover", "--all-safe", "--yes", "--json")

    assert [line["session"] for line in printed.objects] == [str(safe.pk)]
    other.refresh_from_db()
    assert other.status == Status.INTERRUPTED


@pytest.mark.django_db
def test_changed_verdicts_end_with_6_and_change_nothing(tmp_path: Path) -> None:
    session = interrupted(tmp_path)
    ImageResult.objects.filter(session=session).update(note="changed")

    with pytest.raises(IntegrityFailed) as refused:
        run("recover", "latest", "--yes")

    session.refresh_from_db()
    assert (refused.value.exit_code, session.status) == (6, Status.INTERRUPTED)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("latest", "--all-safe"),
        ("--all-safe", "--wait"),
        ("latest", "--checkpoint", "0000", "--option", "fresh_start"),
    ],
)
def test_arguments_that_make_no_sense_together_are_refused(arguments: tuple[str, ...]) -> None:
    make_session()

    with pytest.raises(CommandFailed) as refused:
        run("recover", *arguments, "--yes")

    assert refused.value.exit_code in (2, 4)


@pytest.mark.django_db
def test_recovery_options_prints_the_three_ways_back(tmp_path: Path) -> None:
    session = interrupted(tmp_path)

    printed = run("recovery_options", str(session.pk), "--json")

    assert [(line["type"], line["option"]) for line in printed.objects] == [
        ("option", "continue"),
        ("option", "restart_batch"),
        ("option", "fresh_start"),
    ]


@pytest.mark.django_db
def test_detect_crashes_recovers_what_is_safe_when_told(tmp_path: Path) -> None:
    session = interrupted(tmp_path)
    dead = make_worker(host=socket.gethostname(), ended_at=Now())
    make_crash(worker=dead, session=session, interrupts=True)

    printed = run("detect_crashes", "--auto", "--json")

    session.refresh_from_db()
    assert [line["type"] for line in printed.objects] == ["crash", "recovery"]
    assert (session.status, Crash.objects.get().closed_by.by) == (Status.RUNNING, "automatic")
