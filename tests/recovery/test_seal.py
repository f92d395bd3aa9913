"""A sealed checkpoint opens only as it was sealed: any bit of it, or of its row, changed is found."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from recovery import seal
from recovery.models import Checkpoint

STATE = {"processed": 7, "last_error": "Grüße \udcff", "versions": {"code": "0.1.0", "schema": 1}}
# Every column that a seal holds; `pinned` and `voided_by` change during a checkpoint's life.
SEALED = sorted(
    {field.attname for field in Checkpoint._meta.concrete_fields} - {"pinned", "voided_by", "session_state"}
)


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]


def sealed(**columns: object) -> Checkpoint:
    """Make a sealed checkpoint that is not stored."""
    values = {
        "session_id": uuid4(),
        "batch_id": 5,
        "checkpoint_type": "image",
        "sequence": 3,
        "processed_count": 7,
        "current_batch": 1,
        "current_image_index": 7,
        "last_result": 99,
        "attempt": 2,
        "note": "by hand",
        "previous": b"p" * 20,
        "created_at": datetime(2026, 1, 1, 12, 30, 1, 123456, tzinfo=UTC),
    }
    checkpoint = Checkpoint(**(values | columns))
    seal.seal(checkpoint, STATE)
    return checkpoint


def turn_bit(value: object, bit: int) -> object:
    """Change one bit of a column's value; of a null, make it something."""
    if isinstance(value, UUID):
        return UUID(int=value.int ^ 1 << bit % 128)
    if isinstance(value, datetime):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=_micros(value) ^ 1 << bit % 52)
    if isinstance(value, int):
        return value ^ 1 << bit % 32
    if isinstance(value, str):
        place = bit // 7 % len(value)
        return value[:place] + chr(ord(value[place]) ^ 1 << bit % 7) + value[place + 1 :]
    changed = bytearray(bytes(value))  # type: ignore[arg-type]  # the binary columns are left
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


def _micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_state_opens_as_it_was_sealed() -> None:
    checkpoint = sealed()

    assert seal.open_state(checkpoint) == STATE
    assert seal.problem_of(checkpoint) is None


@given(column=st.sampled_from(SEALED), bit=st.integers(0, 4095))
def test_every_bit_of_a_sealed_row_that_is_turned_is_found(column: str, bit: int) -> None:
    checkpoint = sealed()
    setattr(checkpoint, column, turn_bit(getattr(checkpoint, column), bit))

    assert seal.problem_of(checkpoint) is not None


def test_every_bit_of_a_sealed_state_that_is_turned_is_found() -> None:
    checkpoint = sealed()
    original = bytes(checkpoint.session_state)

    found = []
    for bit in range(8 * len(original)):
        checkpoint.session_state = turn_bit(original, bit)
        found.append(seal.problem_of(checkpoint))

    assert set(found) == {"It is not as it was sealed: a column of it has changed."}


@pytest.mark.parametrize("column", ["batch_id", "current_batch", "current_image_index", "last_result"])
def test_number_that_was_taken_out_is_found(column: str) -> None:
    checkpoint = sealed()
    setattr(checkpoint, column, None)

    assert seal.problem_of(checkpoint) == "It is not as it was sealed: a column of it has changed."


def test_state_of_another_row_is_found_though_both_are_intact() -> None:
    one, other = sealed(), sealed()
    one.session_state, one.seal, one.digest = other.session_state, other.seal, other.digest

    assert seal.problem_of(one) == "It is not as it was sealed: a column of it has changed."


def test_state_is_encrypted_anew_each_time_and_shows_nothing() -> None:
    one, other = sealed(), sealed()

    assert one.session_state != other.session_state
    assert one.digest == other.digest
    assert b"processed" not in bytes(one.session_state)


def test_checkpoint_of_an_older_key_opens_while_that_is_listed(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    checkpoint = sealed()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    assert seal.problem_of(checkpoint) is None


def test_checkpoint_of_an_unknown_key_is_named_by_its_key(settings: Settings) -> None:
    checkpoint = sealed()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["another"]

    found = seal.problem_of(checkpoint)

    named = f"It was sealed with the key {checkpoint.key_id}, which STOCKPROOF_CHECKPOINT_KEYS does not list."
    assert found == named


@pytest.mark.parametrize("column", ["seal", "session_state"])
def test_empty_column_is_named_and_raises_nothing_else(column: str) -> None:
    checkpoint = sealed()
    setattr(checkpoint, column, b"")

    with pytest.raises(seal.CheckpointDamaged):
        seal.open_state(checkpoint)
