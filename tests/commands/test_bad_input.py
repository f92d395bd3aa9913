"""Every argument of every command, given what it cannot be: a sentence that says why, and nothing changed."""

from argparse import Action, ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError
from django.core.management.base import BaseCommand

from processing.management.failures import EXPECTED, failure_of
from processing.models import ApiToken, ImageResult, Override, ProcessingSession
from recovery.models import Checkpoint, RecoveryAttempt
from tests.commands.running import run
from tests.commands.test_help import OURS, load
from tests.people import make_user
from tests.recovery.views.scenes import lying_session

pytestmark = [pytest.mark.django_db, pytest.mark.vendor("sqlite")]
MODELS = (ProcessingSession, ImageResult, Override, Checkpoint, RecoveryAttempt, ApiToken)
REFUSED = {2, 4, 5}
SENTENCE_LENGTH_MIN = 10
HUGE = "9" * 400
WORDS = ("", "nonsense", "nul\0", "two\nlines", "x" * 100_000)
NUMBERS = ("", "x", "1.5", "-1", "nul\0", HUGE, "9" * 5000)
# What an argument cannot be, by what reads it; else by its name.
BY_TYPE: dict[str, tuple[str, ...]] = {
    "positive_count": ("0", *NUMBERS),
    "position": NUMBERS,
    "int": ("", "x", "1.5", "9" * 5000),
    "duration": ("", "x", "-1d", "999999d", HUGE, "nul\0"),
    "_silence": ("", "x", "-1", "nan", "inf", "9e99"),
    "since": ("", "yesterday", "999999d", "2026-13-01", "0001-01-01T00:00:00+14:00", HUGE, "nul\0"),
    "scopes_of": (*WORDS, "read,nonsense", ","),
    "expiry_of": ("", "x", "-1d", "999999d", "2001-01-01", HUGE, "nul\0"),
    "bind_address": ("x", "127.0.0.1:99999", "127.0.0.1:x", HUGE),
    "exported_head": ("", "x", "f" * 63, "g" * 64, "nul\0"),
}
IDS = ("", "x", "zzzz", str(uuid4()), "x" * 100_000, "nul\0", "two\nlines", HUGE)
BY_NAME: dict[str, tuple[str, ...]] = {
    "session": IDS,
    "checkpoint": IDS,
    "token": IDS,
    "user": WORDS,
}
# These take any text, which is kept as the database can keep it.
FREE = {"reason", "note", "name", "queue"}
# What only `process` takes is looked at when it begins: tests/commands/test_process.py.
LOOKED_AT_LATER = {"source", "owner", "preset"}
# What else a command needs to be right.
RIGHT: dict[str, list[str]] = {
    "api_token": ["create", "--user", "ines", "--scope", "read"],
    "audit": ["export"],
    "override": ["latest", "0", "--verdict", "rejected", "--yes"],
    "process": ["{folder}", "--new"],
    "purge": ["--superseded", "--yes"],
    **{one: ["{checkpoint}"] for one in ("pin_checkpoint", "unpin_checkpoint")},
    **{one: ["latest", "--yes"] for one in ("delete_session", "recover", "rollback_recovery")},
    **{one: ["latest"] for one in ("cleanup_checkpoints", "cancel", "checkpoint", "checkpoints", "pause")},
    **{one: ["latest"] for one in ("recovery_options", "results", "resume", "session", "verify")},
    **{
        one: [] for one in ("demo", "detect_crashes", "doctor", "drill", "recovery_statistics", "rotate_keys")
    },
    **{one: [] for one in ("serve", "sessions", "workers")},
}
# A wrong option of these is refused by the parser: taken, they would go on for long.
LASTING = {"demo", "drill", "process", "serve", "workers"}
DJANGOS = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}


def arguments_of(parser: ArgumentParser) -> list[Action]:
    """List what takes a value and is ours."""
    return [one for one in parser._actions if one.dest not in DJANGOS and one.nargs != 0]


def wrong_values(action: Action) -> tuple[str, ...]:
    """Give what an argument cannot be; KeyError for one that this test does not know."""
    if action.choices is not None:
        return WORDS
    if action.dest in FREE | LOOKED_AT_LATER:
        return ()
    name = getattr(action.type, "__name__", "")
    return BY_TYPE[name] if name in BY_TYPE else BY_NAME[action.dest]


def wrong_lines(name: str, places: dict[str, str]) -> Iterator[list[str]]:
    """Give a command's arguments, one of them wrong."""
    parser = load(name).create_parser("manage.py", name)
    positionals = [one.dest for one in parser._actions if not one.option_strings]
    right = [part.format(**places) for part in RIGHT[name]]
    for action in arguments_of(parser):
        for value in wrong_values(action):
            if action.option_strings:
                yield [*right, f"{action.option_strings[-1]}={value}"]
            elif name == "api_token" and action.dest == "token":
                yield ["revoke", value]
            else:
                index = positionals.index(action.dest)
                yield [*right[:index], value, *right[index + 1 :]]


def fault_of(name: str, line: list[str]) -> str:
    """Run a command wrongly; say what is wrong with how it takes that, nothing if it refuses it with a sentence."""
    try:
        if name in LASTING:
            load(name).create_parser("manage.py", name).parse_args(line)
        else:
            run(name, *line)
    except EXPECTED as error:
        is_of_parser = type(error) is CommandError
        code = 2 if is_of_parser else failure_of(error).exit_code
        return "" if code in REFUSED and len(str(error)) >= SENTENCE_LENGTH_MIN else f"{code}: {error}"
    return "takes it"


def contents() -> dict[str, Any]:
    """Give all that the tables hold."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in MODELS}


@pytest.mark.parametrize("name", OURS)
def test_wrong_argument_is_refused_with_a_sentence_and_changes_nothing(name: str, tmp_path: Path) -> None:
    session = lying_session(tmp_path / "photos", owner=make_user("ines"))
    checkpoint = Checkpoint.objects.newest_first(session)[0]
    places, before = {"folder": str(tmp_path / "photos"), "checkpoint": str(checkpoint.pk)}, contents()

    told = [(line, fault_of(name, line)) for line in wrong_lines(name, places)]

    assert [f"{' '.join(line)[:80]!r}: {fault}" for line, fault in told if fault] == []
    assert contents() == before


def test_argument_that_is_right_is_taken() -> None:
    assert fault_of("sessions", ["--limit=5"]) == "takes it"
