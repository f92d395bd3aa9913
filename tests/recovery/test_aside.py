"""What recoveries have put aside is verified too, and so are the marks on the checkpoints that cover it."""

from pathlib import Path
from typing import Any

import pytest

from processing.models import ImageResult, ProcessingSession
from recovery.integrity import Tally, verify
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.undo import rollback_recovery
from tests.recovery.sound import copy_of, sound_session, write_files
from tests.recovery.stacks import recover, work_on

pytestmark = pytest.mark.django_db(transaction=True)


def codes_of(session: ProcessingSession, **options: Any) -> list[str]:
    """Verify; give the words of what was found."""
    return [finding.code for finding in verify(session, **options)]


@pytest.fixture
def recovered(tmp_path: Path) -> ProcessingSession:
    """A session whose open batch was restarted once, with two new results since; ten in all."""
    session = sound_session(source_path=write_files(tmp_path / "photos", 12))
    recover(session, "restart_batch")
    work_on(session, 2)
    return session


def test_recovered_session_holds(recovered: ProcessingSession) -> None:
    tally = Tally()

    assert codes_of(recovered, tally=tally) == []
    assert (tally.results, ImageResult.objects.filter(session=recovered).count()) == (10, 12)


def test_session_holds_through_a_stack_of_recoveries_and_undos(recovered: ProcessingSession) -> None:
    found = []
    recover(recovered, "fresh_start")
    work_on(recovered, 4)
    found.append(codes_of(recovered))
    recover(recovered, "continue")
    rollback_recovery(recovered, 3)
    found.append(codes_of(recovered))
    recover(recovered, "restart_batch")
    rollback_recovery(recovered, 2)
    found.append(codes_of(recovered))
    recover(recovered, "continue")
    work_on(recovered, 2)
    recover(recovered, "restart_batch")
    found.append(codes_of(recovered))
    rollback_recovery(recovered, 1)
    found.append(codes_of(recovered))

    assert found == [[], [], [], [], []]


def put_aside(session: ProcessingSession) -> ImageResult:
    """Give the first row that was put aside."""
    return ImageResult.objects.filter(session=session, superseded_by=1).order_by("pk")[0]


def test_row_put_aside_is_missed_when_it_is_removed(recovered: ProcessingSession) -> None:
    put_aside(recovered).delete()

    assert codes_of(recovered) == ["put_aside"]


@pytest.mark.parametrize("column", ["superseded_by", "id", "created_at"])
def test_row_put_aside_is_found_when_it_is_moved(recovered: ProcessingSession, column: str) -> None:
    row = put_aside(recovered)
    value = {"superseded_by": 0, "id": row.pk + 1000, "created_at": recovered.created_at}[column]
    ImageResult.objects.filter(pk=row.pk).update(**{column: value})

    assert "put_aside" in codes_of(recovered)


@pytest.mark.parametrize("number", [1, 2])
def test_row_that_no_recovery_can_have_put_aside_is_found(recovered: ProcessingSession, number: int) -> None:
    row = ImageResult.objects.live().filter(session=recovered, attempt=1)[0]

    copy_of(row, superseded_by=number)

    assert codes_of(recovered) == ["put_aside"]


def test_note_of_a_recovery_is_found_when_it_is_changed(recovered: ProcessingSession) -> None:
    RecoveryAttempt.objects.filter(session=recovered).update(aside_digest=b"")

    assert codes_of(recovered) == ["put_aside"]


def test_rows_are_found_when_they_are_exchanged_for_those_put_aside(recovered: ProcessingSession) -> None:
    old = ImageResult.objects.filter(session=recovered, superseded_by=1)
    new = ImageResult.objects.live().filter(session=recovered, attempt=1)
    old_ids, new_ids = (list(rows.values_list("pk", flat=True)) for rows in (old, new))
    ImageResult.objects.filter(pk__in=new_ids).update(superseded_by=1)
    ImageResult.objects.filter(pk__in=old_ids).update(superseded_by=None)

    assert codes_of(recovered)[0] == "digest"


@pytest.mark.parametrize("mark", [None, 1])
def test_mark_on_a_checkpoint_is_mended(recovered: ProcessingSession, mark: int | None) -> None:
    checkpoints = Checkpoint.objects.filter(session=recovered)
    marked = checkpoints.filter(voided_by__isnull=mark is not None).order_by("created_at")
    checkpoint = marked.filter(attempt=0).first()
    assert checkpoint is not None
    due = checkpoint.voided_by
    Checkpoint.objects.filter(pk=checkpoint.pk).update(voided_by=mark)

    found = codes_of(recovered, repair=True)

    checkpoint.refresh_from_db()
    assert (found, checkpoint.voided_by) == (["void"], due)


def test_changed_checkpoint_is_named(recovered: ProcessingSession) -> None:
    checkpoint = Checkpoint.objects.filter(session=recovered, checkpoint_type="batch").first()
    assert checkpoint is not None
    Checkpoint.objects.filter(pk=checkpoint.pk).update(processed_count=7)
    tally = Tally()

    found = codes_of(recovered, tally=tally, repair=True)

    assert (found, tally.verdict) == (["checkpoint"], "unsafe")
    assert tally.checkpoints == Checkpoint.objects.filter(session=recovered).count()


def test_removed_checkpoint_is_named(recovered: ProcessingSession) -> None:
    Checkpoint.objects.filter(session=recovered, checkpoint_type="manual").delete()

    assert codes_of(recovered) == ["checkpoint_missing"]


def test_rows_put_aside_are_missed_when_all_are_removed_with_their_note(tmp_path: Path) -> None:
    session = sound_session(source_path=write_files(tmp_path / "photos", 12))
    recover(session, "fresh_start")
    ImageResult.objects.filter(session=session, superseded_by=1).delete()

    RecoveryAttempt.objects.filter(session=session).update(aside_digest=b"")
    Checkpoint.objects.filter(session=session).update(voided_by=None)

    assert codes_of(session) == ["put_aside"]
