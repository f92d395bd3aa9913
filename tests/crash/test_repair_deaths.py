"""A repair that is killed at any of its steps has changed nothing, and the next one mends it all."""

import signal
from pathlib import Path

import pytest
from django.db.models import F

from processing.models import Batch, ImageResult, ProcessingSession
from recovery.models import AuditEntry, Checkpoint
from tests.commands.running import run_process
from tests.crash.victim import Deed, written
from tests.recovery.sound import batches_of, ended_worker, sound_session, write_files

pytestmark = [pytest.mark.kill, pytest.mark.django_db(transaction=True)]

# In the order in which a repair comes by, each in the middle of its one transaction.
SEAMS = [
    ("processing.models.batch.Batch.take_away", "after"),
    ("recovery.repairs.redecide", "after"),
    ("processing.superseding._recount_page", "after"),
    ("recovery.repairs.recount", "after"),
    ("recovery.audit.record", "before"),
    ("recovery.audit.record", "after"),
]
FOUND = ["counters", "decision", "session_counters", "shift", "sum", "lease", "void"]


def spoiled_session(folder: Path) -> ProcessingSession:
    """Make a session in which a repair has something to do at every seam."""
    session = sound_session(source_path=write_files(folder, 12))
    first, _second, last = batches_of(session)
    Batch.objects.filter(pk=first.pk).update(approved=F("approved") - 1, rejected=F("rejected") + 1)
    Batch.objects.filter(pk=last.pk).update(worker=ended_worker())
    ImageResult.objects.filter(session=session, position=0).update(decision="rejected")
    ProcessingSession.objects.filter(pk=session.pk).update(finished_sum=b"", shift={})
    Checkpoint.objects.filter(session=session, checkpoint_type="batch").update(voided_by=1)
    return session


def stored() -> list[object]:
    """Give all that a repair may write."""
    tables = (ProcessingSession, Batch, ImageResult, Checkpoint, AuditEntry)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_repair_changes_all_or_nothing_when_it_is_killed(tmp_path: Path, database_url: str) -> None:
    spoiled_session(tmp_path / "photos")
    before = stored()
    ends, after_each = [], []

    for number, (seam, when) in enumerate(SEAMS):
        environment = written([Deed(seam, when, process="parent")], tmp_path / f"ledger{number}")
        ended = run_process(
            "verify", "latest", "--repair", "--skip-checks", DATABASE_URL=database_url, **environment
        )
        ends.append(ended.returncode)
        after_each.append(stored() == before)
    repaired = run_process("verify", "latest", "--repair", "--skip-checks", DATABASE_URL=database_url)
    again = run_process("verify", "latest", "--skip-checks", DATABASE_URL=database_url)

    assert ends == [-signal.SIGKILL] * len(SEAMS)
    assert after_each == [True] * len(SEAMS)
    assert (repaired.returncode, again.returncode) == (0, 0)
    assert AuditEntry.objects.get().details["found"] == dict.fromkeys(FOUND, 1)
