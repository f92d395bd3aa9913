"""What `--help` says of each command."""

import shlex

import pytest
from django.core.management import get_commands, load_command_class

from processing.management.base import StockproofCommand

OURS = sorted(name for name, app in get_commands().items() if app in ("processing", "recovery"))


def load(name: str) -> StockproofCommand:
    """Load one of our commands by its name."""
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, StockproofCommand)
    return command


def test_help_is_there_for_the_commands_of_the_interface() -> None:
    assert OURS == [
        "api_token",
        "audit",
        "cancel",
        "checkpoint",
        "checkpoints",
        "cleanup_checkpoints",
        "delete_session",
        "demo",
        "detect_crashes",
        "doctor",
        "drill",
        "override",
        "pause",
        "pin_checkpoint",
        "process",
        "purge",
        "recover",
        "recovery_options",
        "recovery_statistics",
        "results",
        "resume",
        "rollback_recovery",
        "rotate_keys",
        "serve",
        "session",
        "sessions",
        "unpin_checkpoint",
        "verify",
        "workers",
    ]


@pytest.mark.parametrize("name", OURS)
def test_help_explains_the_command_by_an_example_and_each_argument(name: str) -> None:
    command = load(name)

    parser = command.create_parser("manage.py", name)

    silent = [action.dest for action in parser._actions if not action.help]
    assert silent == []
    assert command.example.split()[0] == name
    assert parser.epilog == f"example:\n  python manage.py {command.example}"


@pytest.mark.parametrize("name", OURS)
def test_example_is_understood_by_the_command_itself(name: str) -> None:
    command = load(name)
    words = shlex.split(command.example.partition(" > ")[0])

    options = command.create_parser("manage.py", name).parse_args(words[1:])

    assert options.json == ("--json" in words)
