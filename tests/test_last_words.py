"""What an error is, as facts."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from processing.last_words import CHAIN_MAX, TYPES_MAX, facts_of


def caught(raise_it: Any) -> BaseException:
    """Give the error that a function raises."""
    with pytest.raises(Exception) as info:  # noqa: PT011 -- which one is what the test is about
        raise_it()
    return info.value


def test_error_of_the_system_has_its_number() -> None:
    facts = facts_of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    assert facts == {"types": ["OSError"], "errno": errno.ENOSPC, "code": ""}


def test_error_has_the_facts_of_its_causes_too() -> None:
    def fail() -> None:
        try:
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        except OSError as error:
            raise RuntimeError("the photo cannot be read") from error

    assert facts_of(caught(fail)) == {
        "types": ["RuntimeError", "ConnectionResetError", "ConnectionError", "OSError"],
        "errno": errno.ECONNRESET,
        "code": "",
    }


def test_error_met_while_another_was_handled_has_its_facts_unless_they_were_put_aside() -> None:
    def fail(*, put_aside: bool) -> None:
        try:
            {}["a"]
        except KeyError:
            if put_aside:
                raise ValueError("b") from None
            raise ValueError("b")  # noqa: B904 -- the implicit context is what the test is about

    assert facts_of(caught(lambda: fail(put_aside=False)))["types"] == [
        "ValueError",
        "KeyError",
        "LookupError",
    ]
    assert facts_of(caught(lambda: fail(put_aside=True)))["types"] == ["ValueError"]


def test_error_of_sqlite_has_the_name_of_its_code(tmp_path: Path) -> None:
    def fail() -> None:
        try:
            sqlite3.connect(tmp_path / "missing" / "database")
        except sqlite3.OperationalError as error:
            raise OperationalError(str(error)) from error

    facts = facts_of(caught(fail))

    assert (facts["types"][0], facts["code"]) == ("django.db.utils.OperationalError", "SQLITE_CANTOPEN")
    assert "sqlite3.OperationalError" in facts["types"]


def test_error_of_postgresql_has_its_sqlstate() -> None:
    facts = facts_of(psycopg.errors.AdminShutdown("terminating connection"))

    assert (facts["types"][0], facts["code"]) == ("psycopg.errors.AdminShutdown", "57P01")
    assert "psycopg.OperationalError" in facts["types"]


def test_facts_stay_short_however_long_the_chain_is() -> None:
    error: BaseException = OSError(errno.EIO, "the first cause")
    for _ in range(2 * CHAIN_MAX):
        outer = type(f"Error{_}", (ValueError,), {})("later")
        outer.__cause__ = error
        error = outer

    facts = facts_of(error)

    assert (facts["errno"], len(facts["types"]) <= TYPES_MAX) == (None, True)
