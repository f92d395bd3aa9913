"""Tags that only those can make who know the keys."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from processing import keys

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]


def test_tag_holds_for_the_parts_it_was_made_of_and_no_other() -> None:
    tag = keys.sign("result", b"ab", b"c")

    assert keys.holds(tag, "result", b"ab", b"c")
    assert not keys.holds(tag, "result", b"a", b"bc")
    assert not keys.holds(tag, "other", b"ab", b"c")


@pytest.mark.parametrize("bit", range(8 * keys.TAG_BYTES))
def test_tag_holds_no_more_when_any_bit_of_it_is_turned(bit: int) -> None:
    tag = bytearray(keys.sign("result", b"ab"))
    tag[bit // 8] ^= 1 << bit % 8

    assert not keys.holds(bytes(tag), "result", b"ab")


def test_tag_of_an_older_key_holds_while_that_is_listed(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]
    tag = keys.sign("result", b"ab")
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    listed = (keys.holds(tag, "result", b"ab"), keys.is_current(tag))
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]

    assert (listed, keys.holds(tag, "result", b"ab")) == ((True, False), False)


@given(value=PLAIN)
def test_canonical_text_is_the_same_when_json_has_stored_the_value(value: Any) -> None:
    assert keys.canonical(json.loads(json.dumps(value))) == keys.canonical(value)


@pytest.mark.parametrize(
    ("value", "same"),
    [(1, 1.0), (-0.0, 0), (1e22, 10**22), ({"b": 1, "a": 2}, {"a": 2, "b": 1}), ((1,), [1])],
)
def test_canonical_text_is_the_same_for_what_databases_confuse(value: Any, same: Any) -> None:
    assert keys.canonical(value) == keys.canonical(same)


@pytest.mark.parametrize(
    ("value", "other"), [(1, True), ("1", 1), (None, "null"), ([], {}), (0.1, 0.1000000001)]
)
def test_canonical_text_differs_when_the_values_do(value: Any, other: Any) -> None:
    assert keys.canonical(value) != keys.canonical(other)
