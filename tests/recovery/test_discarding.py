"""What undos have discarded is verified too: no row of it can be removed, copied, moved or exchanged unseen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import keys
from processing.models import ImageResult, ProcessingSession
from recovery import integrity
from recovery.models import RecoveryAttempt
from recovery.rotation import Rotation
from recovery.undo import rollback_recovery
from tests.recovery.sound import copy_of, sound_session, write_files
from tests.recovery.stacks import recover, work_on
from tests.recovery.test_aside import codes_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stacked(tmp_path: Path) -> ProcessingSession:
    """A session with three recoveries that each have rows of their own; the third has put rows of the second aside."""
    session = sound_session(source_path=write_files(tmp_path / "photos", 12))
    for option, photos_count in (("restart_batch", 2), ("fresh_start", 3), ("restart_batch", 2)):
        recover(session, option)
        work_on(session, photos_count)
    return session


@pytest.fixture
def undone(stacked: ProcessingSession) -> ProcessingSession:
    """That session when its second and third recovery were undone together."""
    rollback_recovery(stacked, 2)
    return stacked


def discarded(session: ProcessingSession, number: int) -> ImageResult:
    """Give the first row that an undo left aside under a number."""
    return ImageResult.objects.filter(session=session, superseded_by=number).order_by("pk")[0]


def test_each_undone_recovery_holds_rows_of_its_own(undone: ProcessingSession) -> None:
    rows = ImageResult.objects.filter(session=undone, superseded_by__gt=1)

    pairs = rows.order_by("superseded_by", "pk").values_list("superseded_by", "attempt")

    assert list(pairs) == [(2, 3), (2, 3), (3, 2), (3, 2), (3, 2)]
    assert codes_of(undone) == []


@pytest.mark.parametrize("number", [2, 3])
def test_discarded_row_is_missed_when_it_is_removed(undone: ProcessingSession, number: int) -> None:
    discarded(undone, number).delete()

    assert codes_of(undone) == ["put_aside"]


@pytest.mark.parametrize("number", [2, 3])
def test_recovery_is_missed_when_it_is_removed_with_all_of_its_rows(
    undone: ProcessingSession, number: int
) -> None:
    ImageResult.objects.filter(session=undone, superseded_by=number).delete()

    RecoveryAttempt.objects.get(session=undone, number=number).delete()

    found = [finding.text for finding in integrity.verify(undone) if finding.code == "put_aside"]
    assert found[0] == "The session notes 3 recoveries, and 2 are there."


def test_recoveries_of_before_they_were_counted_are_counted_at_the_next_one(
    stacked: ProcessingSession,
) -> None:
    ledger = {name: value for name, value in stacked.ledger.items() if name != "recoveries_count"}
    stacked.keep_ledger(ledger)
    before = codes_of(stacked)

    recover(stacked, "continue")

    stacked.refresh_from_db()
    assert (before, codes_of(stacked), stacked.ledger["recoveries_count"]) == ([], [], 4)


@pytest.mark.parametrize("number", [2, 3])
def test_discarded_row_is_found_when_it_is_there_twice(undone: ProcessingSession, number: int) -> None:
    copy_of(discarded(undone, number))

    assert codes_of(undone) == ["put_aside"]


@pytest.mark.parametrize("column", ["superseded_by", "id", "created_at", "mac"])
def test_discarded_row_is_found_when_a_column_is_changed(undone: ProcessingSession, column: str) -> None:
    row = discarded(undone, 2)
    other = ImageResult.objects.filter(session=undone, superseded_by=2).order_by("-pk")[0]
    value = {
        "superseded_by": 3,
        "id": row.pk + 1000,
        "created_at": undone.created_at,
        "mac": bytes(other.mac),
    }[column]

    ImageResult.objects.filter(pk=row.pk).update(**{column: value})

    assert "put_aside" in codes_of(undone)


def empty_note(session: ProcessingSession) -> None:
    """Make a note as if there had never been a row."""
    RecoveryAttempt.objects.filter(session=session, number=2).update(aside_digest=b"")


def note_of_another(session: ProcessingSession) -> None:
    """Put another recovery's note in the place of one whose rows are gone."""
    rollback_recovery(session, 1)
    other = RecoveryAttempt.objects.get(session=session, number=1)
    ImageResult.objects.filter(session=session, superseded_by=1).update(superseded_by=2)
    RecoveryAttempt.objects.filter(session=session, number=2).update(aside_digest=other.aside_digest)


@pytest.mark.parametrize("forge", [empty_note, note_of_another])
def test_discarded_rows_are_missed_when_their_note_is_forged_too(
    undone: ProcessingSession, forge: Callable[[ProcessingSession], None]
) -> None:
    ImageResult.objects.filter(session=undone, superseded_by=2).delete()

    forge(undone)

    assert "put_aside" in codes_of(undone)


@pytest.mark.parametrize("number", [2, 3])
def test_row_that_was_missing_before_an_undo_is_missed_after_it(
    stacked: ProcessingSession, number: int
) -> None:
    of_the_undone = ImageResult.objects.filter(session=stacked, attempt=5 - number)
    row = of_the_undone.filter(superseded_by=3 if number == 3 else None).order_by("pk")[0]
    row.delete()

    rollback_recovery(stacked, 2)

    assert "put_aside" in codes_of(stacked)


def test_notes_hold_when_undos_lie_within_undos(undone: ProcessingSession) -> None:
    found = []
    recover(undone, "restart_batch")
    work_on(undone, 2)
    rollback_recovery(undone)
    found.append(codes_of(undone))
    rollback_recovery(undone, 1)
    found.append(codes_of(undone))
    recover(undone, "fresh_start")
    work_on(undone, 3)
    found.append(codes_of(undone))

    assert found == [[], [], []]


def test_notes_hold_when_keys_are_changed(undone: ProcessingSession, settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", *settings.STOCKPROOF_CHECKPOINT_KEYS]
    rotation = Rotation()

    rotated = list(rotation.run())

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    notes = RecoveryAttempt.objects.filter(session=undone).values_list("aside_digest", flat=True)
    assert (rotated, rotation.left) == ([undone.pk], [])
    assert [keys.is_current(note) for note in notes] == [True, True, True]
    assert codes_of(undone) == []
