"""`recover`: asks first, prints the recovery, and goes on to the end."""

import json
from pathlib import Path

import pytest

from processing.management.failures import ConfirmationNeeded, Refused
from processing.models import Worker
from processing.proof import prove
from processing.states import Stage, Status
from recovery.models import Crash, RecoveryAttempt
from tests.commands.processes import make_dead
from tests.commands.running import run, run_process
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal
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


@pytest.mark.django_db
def test_recover_does_nothing_when_nobody_says_yes() -> None:
    session = make_session()
    session.latch()

    with pytest.raises(ConfirmationNeeded) as refused:
        run("recover", "latest", "--json")

    session.refresh_from_db()
    assert (refused.value.exit_code, session.status) == (7, Status.INTERRUPTED)
    assert str(refused.value) == f"Continue session {session.pk} (Holiday, interrupted)?"


@pytest.mark.django_db
def test_recover_prints_what_it_did() -> None:
    session = make_session(total=4, found_count=4)
    batch = make_batch(session=session, worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    session.latch()

    printed = run("recover", "latest", "--yes", "--json")

    (line,) = printed.objects
    assert list(line) == RECOVERY_KEYS
    assert line == {
        "type": "recovery",
        "session": str(session.pk),
        "attempt": 1,
        "option": "continue",
        "success": True,
        "message": "The session goes on from photo 1: 1 verdicts kept, 3 photos left.",
        "start_index": 1,
        "keep": 1,
        "redo": 0,
        "left": 3,
    }


@pytest.mark.django_db
def test_recover_is_refused_on_a_completed_session() -> None:
    session = make_session(stage=Stage.COMPLETED)

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
