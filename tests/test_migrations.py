"""Data of an older version is taken over: signed once, counted as this version counts."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F

from processing.models import Batch, ImageResult, ProcessingSession
from recovery.integrity import check_batch, check_sums, verify
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from tests.recovery.sound import batches_of, completed_session, rows_of, sound_session, write_files

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("processing", "0003_macs_and_overrides"), ("recovery", "0003_audit_triggers")]
SIGN_RESULTS = importlib.import_module("processing.migrations.0004_sign_results")
SIGN_EVIDENCE = importlib.import_module("recovery.migrations.0004_sign_evidence")


def migrate_back() -> None:
    """Bring the tables to where nothing was signed yet."""
    MigrationExecutor(connection).migrate(BEFORE)


def migrate_forward() -> None:
    """Bring the tables to the newest migrations."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture(autouse=True)
def _migrated_again() -> Iterator[None]:
    """Leave the database as it was found, whatever fails."""
    yield
    migrate_forward()


def make_older(session: ProcessingSession) -> None:
    """Leave a session as version 0.1.0 left it: unsigned, and what compare rejected counted as rejected."""
    ImageResult.objects.filter(session=session).update(mac=b"")
    Batch.objects.filter(session=session).update(digest=b"", chain_head=b"")
    counters = {name: F(name) + count for name, count in session.shift.items()}
    ProcessingSession.objects.filter(pk=session.pk).update(
        shift={}, finished_sum=b"", ledger={}, ledger_tag=b"", **counters
    )
    RecoveryAttempt.objects.filter(session=session).update(aside_digest=b"")
    Checkpoint.objects.filter(session=session).update(seal=b"", key_id="", digest="", previous=b"")


def test_results_of_an_older_version_hold_once_they_are_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SIGN_RESULTS, "ROWS_PER_PAGE", 3)
    monkeypatch.setattr(SIGN_EVIDENCE, "ROWS_PER_PAGE", 2)
    completed = completed_session(source_path=write_files(tmp_path / "a", 8))
    running = sound_session(source_path=write_files(tmp_path / "b", 12))
    running.pause()
    execute_recovery(running, "continue")
    published = completed.counts()
    migrate_back()
    make_older(completed)
    make_older(running)

    migrate_forward()

    assert [list(verify(session)) for session in (completed, running)] == [[], []]
    assert ProcessingSession.objects.get(pk=completed.pk).shift == {"approved": -1, "rejected": 1}
    assert completed.counts() == published
    assert Checkpoint.objects.count() == 0
    assert rollback_recovery(running).keep == 10


def test_signed_results_are_not_signed_again(tmp_path: Path) -> None:
    session = sound_session(source_path=write_files(tmp_path / "photos", 12))
    migrate_back()
    batch = batches_of(session)[0]
    row = rows_of(batch)[0]
    ImageResult.objects.filter(pk=row.pk).update(note="nice")

    migrate_forward()

    assert ImageResult.objects.get(pk=row.pk).mac == row.mac
    assert [finding.code for finding in check_batch(batch)] == ["result_changed"]


def test_way_back_counts_as_the_older_version_and_forward_again_as_this_one() -> None:
    session = completed_session()
    columns = ("processed", "approved", "rejected", "unreadable", "shift")
    stored = ProcessingSession.objects.filter(pk=session.pk).values_list(*columns)
    this_one = stored.get()

    migrate_back()
    older = stored.get()
    migrate_forward()

    assert (this_one, older, stored.get()) == (
        (8, 4, 2, 2, {"approved": -1, "rejected": 1}),
        (8, 3, 3, 2, {}),
        this_one,
    )
    assert check_sums(ProcessingSession.objects.get(pk=session.pk)) == []


def previous_state() -> list[tuple[str, str]]:
    """Give the last migration but one of each of our apps."""
    known = MigrationExecutor(connection).loader.disk_migrations
    return [
        (label, sorted(name for app, name in known if app == label)[-2])
        for label in ("processing", "recovery")
    ]


def test_data_of_the_previous_state_is_safe_after_the_upgrade(tmp_path: Path) -> None:
    completed = completed_session(source_path=write_files(tmp_path / "a", 8))
    running = sound_session(source_path=write_files(tmp_path / "b", 12))
    running.pause()
    execute_recovery(running, "continue")
    rows = list(ImageResult.objects.order_by("pk").values_list("pk", "mac"))
    MigrationExecutor(connection).migrate(previous_state())

    migrate_forward()

    assert [list(verify(session)) for session in (completed, running)] == [[], []]
    assert list(ImageResult.objects.order_by("pk").values_list("pk", "mac")) == rows
    assert rollback_recovery(running).keep == 10
