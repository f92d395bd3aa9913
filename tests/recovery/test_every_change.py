"""Every change of what the machine has written is found, whatever is drawn: rows, and bits of checkpoints."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from processing import keys
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.result import SIGNED
from processing.states import Verdict
from recovery.findings import OF_THE_SOURCE
from recovery.integrity import verify
from recovery.models import Checkpoint, CheckpointType
from recovery.undo import rollback_recovery
from tests.recovery.sound import batches_of, commit, copy_of, sound_session, write_files
from tests.recovery.stacks import recover, work_on

pytestmark = pytest.mark.django_db

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
SMALL = st.integers(0, 2**31 - 1)
LARGE = st.integers(0, 2**63 - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3),
    max_leaves=6,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "position": LARGE,
    "path": st.binary(max_size=40),
    "path_text": TEXT,
    "size_bytes": st.integers(-(2**63), 2**63 - 1),
    "mtime_ns": st.integers(-(2**63), 2**63 - 1),
    "sha256": TEXT,
    "width_px": st.none() | SMALL,
    "height_px": st.none() | SMALL,
    "verdict": st.sampled_from(Verdict.values),
    "reasons": JSON,
    "measures": JSON,
    "fingerprint": st.binary(max_size=40),
    "note": TEXT,
    "lease": LARGE,
    "attempt": SMALL,
    "mac": st.binary(max_size=40),
    "id": st.integers(-(2**63), 2**63 - 1),
    "superseded_by": st.none() | st.integers(0, 5),
    "created_at": st.integers(-(10**12), 10**12).map(lambda shift: timedelta(microseconds=shift)),
}
# What is bound to a checkpoint, and its marks.
BITS: dict[str, int] = {
    "id": 128,
    "sequence": 31,
    "processed_count": 31,
    "current_batch": 31,
    "current_image_index": 31,
    "last_result": 31,
    "attempt": 31,
    "voided_by": 31,
    "pinned": 1,
    "created_at": 40,
    "session_state": 8,
    "previous": 8,
    "seal": 8,
    "digest": 7,
    "key_id": 7,
    "note": 7,
}


@pytest.fixture
def sessions(tmp_path: Path) -> list[ProcessingSession]:
    """A session with rows put aside by a recovery and by an undo, and another one."""
    first = sound_session(source_path=write_files(tmp_path / "a", 12))
    for _ in range(3):
        recover(first, "restart_batch")
        work_on(first, 2)
    rollback_recovery(first, 2)
    recover(first, "continue")
    work_on(first, 1)
    return [first, sound_session(source_path=write_files(tmp_path / "b", 12))]


def is_found(sessions: list[ProcessingSession], change: Callable[[], object]) -> bool:
    """Change something, and say whether the database refuses it or a verification names it; then take it back."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                change()
        except DatabaseError:
            return True
        codes = {finding.code for session in sessions for finding in verify(session)}
        transaction.set_rollback(True)
    return bool(codes - OF_THE_SOURCE)


def rows_of(sessions: list[ProcessingSession]) -> list[ImageResult]:
    """Give all rows of all sessions."""
    return list(ImageResult.objects.filter(session__in=sessions).order_by("pk"))


def differs(old: object, new: object) -> bool:
    """Whether two values differ once they are stored."""
    return keys.canonical([old]) != keys.canonical([new])


def put(row: ImageResult, **columns: Any) -> Callable[[], object]:
    """Give the change of a row's columns."""
    return lambda: ImageResult.objects.filter(pk=row.pk).update(**columns)


def test_untouched_sessions_hold(sessions: list[ProcessingSession]) -> None:
    assert not is_found(sessions, lambda: None)


@EXAMPLES
@given(data=st.data())
def test_every_change_of_a_column_is_found(sessions: list[ProcessingSession], data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(rows_of(sessions)), "row")
    column = data.draw(st.sampled_from(sorted(VALUES)), "column")
    old = getattr(row, column)
    drawn = VALUES[column]
    new = data.draw(drawn.map(lambda value: old + value) if column == "created_at" else drawn, "value")
    if str(old) == str(new) if column == "created_at" else not differs(old, new):
        return

    assert is_found(sessions, put(row, **{column: new}))


def test_columns_drawn_are_all_that_the_machine_writes() -> None:
    assert {*VALUES, "batch_id", "session_id"} == {
        *SIGNED,
        "session_id",
        "mac",
        "id",
        "superseded_by",
        "created_at",
    }


@EXAMPLES
@given(data=st.data())
def test_every_exchange_between_two_rows_is_found(
    sessions: list[ProcessingSession], data: st.DataObject
) -> None:
    rows = rows_of(sessions)
    one, other = data.draw(st.sampled_from(rows), "one"), data.draw(st.sampled_from(rows), "other")
    columns = sorted(
        data.draw(
            st.sets(st.sampled_from([*sorted(VALUES), "batch_id", "session_id"]), min_size=1), "columns"
        )
        - {"id"}
    )
    ours, theirs = ({name: getattr(row, name) for name in columns} for row in (one, other))
    if str(ours) == str(theirs):
        return

    def exchange() -> None:
        ImageResult.objects.filter(pk=other.pk).update(superseded_by=99)
        put(one, **theirs)()
        put(other, **{"superseded_by": other.superseded_by} | ours)()

    assert is_found(sessions, exchange)


@pytest.mark.vendor("sqlite")
@EXAMPLES
@given(data=st.data())
def test_every_removal_and_every_row_added_is_found(
    sessions: list[ProcessingSession], data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(rows_of(sessions)), "row")
    batch = data.draw(st.sampled_from([one for session in sessions for one in batches_of(session)]), "batch")
    position = data.draw(
        st.integers(batch.first_position, batch.first_position + batch.photos_count), "position"
    )
    # What is put aside under 0 counts for nothing and never comes back.
    number = data.draw(st.none() | st.integers(1, 5), "superseded_by")
    where = {"batch_id": batch.pk, "session_id": batch.session_id, "position": position}
    kept = data.draw(st.sampled_from([{}, where]), "where")

    assert is_found(sessions, row.delete)
    assert is_found(sessions, lambda: copy_of(row, superseded_by=number, **kept))


@EXAMPLES
@given(data=st.data())
def test_every_single_bit_of_a_checkpoint_is_found(
    checkpointed: ProcessingSession, data: st.DataObject
) -> None:
    checkpoint = data.draw(
        st.sampled_from(list(Checkpoint.objects.order_by("created_at", "pk"))), "checkpoint"
    )
    column = data.draw(st.sampled_from(sorted(BITS)), "column")
    bit = 1 << data.draw(st.integers(0, BITS[column] - 1), "bit")
    at = data.draw(st.integers(0, 10**6), "at")
    new = flipped(getattr(checkpoint, column), bit, at)
    if new is None:
        return

    assert is_found(
        [checkpointed], lambda: Checkpoint.objects.filter(pk=checkpoint.pk).update(**{column: new})
    )


@pytest.fixture
def checkpointed(tmp_path: Path, settings: Settings) -> ProcessingSession:
    """A session whose older checkpoints were pruned, with one of most types."""
    settings.CHECKPOINT_KEEP_COUNT = 2
    session = sound_session(begun=0, source_path=write_files(tmp_path / "photos", 12))
    last = Batch.objects.filter(session=session).order_by("-number")[0]
    for _ in range(3):
        commit(last, 1)
    Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True, note="By hand.")
    assert Checkpoint.objects.filter(checkpoint_type=CheckpointType.IMAGE).count() == 2
    return session


def flipped(value: Any, bit: int, at: int) -> Any:
    """Flip one bit of a stored value; None where there is none, or where no database stores the outcome."""
    if isinstance(value, int):
        return value ^ bit
    if isinstance(value, UUID):
        return UUID(int=value.int ^ bit)
    if isinstance(value, str):
        text = flipped(value.encode(), bit, at)
        return text.decode() if text and 0 not in text else None
    if isinstance(value, bytes | memoryview):
        stored = bytearray(value)
        if not stored:
            return None
        stored[at % len(stored)] ^= bit
        return bytes(stored)
    return None if value is None else value + timedelta(microseconds=bit)
