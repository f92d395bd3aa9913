"""Purging deletes what an undo has discarded, and nothing that anything may still need."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from processing.models import ImageResult, ProcessingSession
from recovery import purging
from recovery.audit import ActRefused
from recovery.models import AuditEntry, RecoveryAttempt
from recovery.undo import rollback_recovery
from tests.commands.running import run
from tests.recovery.sound import sound_session, write_files
from tests.recovery.stacks import recover, work_on
from tests.recovery.test_aside import codes_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def undone(tmp_path: Path) -> ProcessingSession:
    """A session with three recoveries, of which the second and the third were undone together long ago."""
    session = sound_session(source_path=write_files(tmp_path / "photos", 12))
    for option, photos_count in (("restart_batch", 2), ("fresh_start", 3), ("restart_batch", 2)):
        recover(session, option)
        work_on(session, photos_count)
    rollback_recovery(session, 2)
    RecoveryAttempt.objects.filter(number__gt=1).update(undone_at=Now() - timedelta(days=31))
    return session


def aside(session: ProcessingSession) -> list[int]:
    """Give under which recoveries rows stand aside."""
    rows = ImageResult.objects.filter(session=session).exclude(superseded_by=None)
    return sorted(rows.values_list("superseded_by", flat=True))


def live(session: ProcessingSession) -> list[int]:
    """Give the keys of the live rows."""
    return list(
        ImageResult.objects.live().filter(session=session).order_by("pk").values_list("pk", flat=True)
    )


def test_discarded_verdicts_go_and_all_that_an_undo_needs_stays(undone: ProcessingSession) -> None:
    before, counted = live(undone), aside(undone).count(1)

    [rehearsed] = run("purge", "--superseded", "--older-than", "30d", "--dry-run", "--json").objects
    untouched = aside(undone)
    [purged] = run("purge", "--superseded", "--older-than", "30d", "--yes", "--json").objects

    assert (rehearsed["superseded"], untouched.count(2) + untouched.count(3)) == (5, 5)
    assert purged == {"type": "purge", "superseded": 5, "kept_for_undo": counted, "dry_run": False}
    assert (aside(undone), live(undone)) == ([1] * counted, before)
    assert codes_of(undone) == []
    entries = AuditEntry.objects.filter(action="cleanup").order_by("number")
    assert [entry.details for entry in entries] == [
        {"superseded": 2, "attempt": 2},
        {"superseded": 3, "attempt": 3},
    ]


def test_older_recovery_can_be_undone_and_new_ones_too_after_a_purge(undone: ProcessingSession) -> None:
    run("purge", "--superseded", "--yes")

    recover(undone, "fresh_start")
    work_on(undone, 3)
    rollback_recovery(undone)
    after_new = codes_of(undone)
    rollback_recovery(undone, 1)

    undone.refresh_from_db()
    assert (after_new, codes_of(undone)) == ([], [])
    assert undone.counts()["processed"] == 10


def test_nothing_is_purged_that_was_undone_later_or_is_in_force(undone: ProcessingSession) -> None:
    RecoveryAttempt.objects.filter(number=3).update(undone_at=Now())

    found = [(one.attempt.number, one.count) for one in purging.purgeable(timedelta(days=30))]

    assert found == [(2, 2)]
    with pytest.raises(ActRefused, match="Recovery 1 is in force"):
        purging.purge(RecoveryAttempt.objects.get(number=1), actor="ines")


def test_discarded_verdicts_that_do_not_hold_are_not_deleted(undone: ProcessingSession) -> None:
    row = ImageResult.objects.filter(session=undone, superseded_by=2).order_by("pk")[0]
    ImageResult.objects.filter(pk=row.pk).update(mac=b"\0" * 20)

    with pytest.raises(ActRefused, match="is not what was there then"):
        purging.purge(RecoveryAttempt.objects.get(number=2), actor="ines")

    assert aside(undone).count(2) == 2
    assert "put_aside" in codes_of(undone)
    assert AuditEntry.objects.get(action="cleanup").outcome.startswith("refused: ")
