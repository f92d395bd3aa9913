"""What all commands share."""

import io
import os
import pty
from typing import Any

import pytest
from django.core.management import call_command

from processing.management.base import StockproofCommand
from processing.management.failures import ConfirmationNeeded
from processing.management.tables import printable, table_text


class Asking(StockproofCommand):
    """A command that wants to be told to go on."""

    help = "Ask."
    example = "ask"
    requires_migrations_checks = False
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        """Ask."""
        self.confirm("Begin anew?", yes=False)
        self.say("begun")


def ask(*arguments: str) -> tuple[str, str]:
    """Run the asking command; gives stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(Asking(), *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A terminal as standard input; gives a function that types."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield lambda text: os.write(ours, text.encode())
    os.close(ours)


@pytest.mark.parametrize("answer", ["y", "YES", " yes "])
def test_command_goes_on_when_a_person_says_yes(answer: str, keyboard: Any) -> None:
    keyboard(f"{answer}\n")

    printed = ask()

    assert printed == ("begun\n", "Begin anew? [y/N] ")


@pytest.mark.parametrize("answer", ["", "n", "yesterday"])
def test_command_needs_confirmation_when_a_person_does_not_say_yes(answer: str, keyboard: Any) -> None:
    keyboard(f"{answer}\n")

    with pytest.raises(ConfirmationNeeded) as refused:
        ask()

    assert refused.value.returncode == 7


@pytest.mark.parametrize("arguments", [("--no-input",), ("--json",)])
def test_command_never_asks_when_a_script_runs_it(arguments: tuple[str, ...], keyboard: Any) -> None:
    keyboard("y\n")

    with pytest.raises(ConfirmationNeeded) as refused:
        ask(*arguments)

    assert refused.value.published() == {
        "code": "confirmation_needed",
        "message": "Begin anew?",
        "hint": "Add --yes to say yes.",
        "session": None,
    }


def test_command_never_asks_when_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    with pytest.raises(ConfirmationNeeded) as refused:
        ask()

    assert str(refused.value) == "Begin anew?"


@pytest.mark.parametrize(
    ("published", "line"),
    [
        ({"b": 1, "a": None}, '{"type": "t", "b": 1, "a": null}\n'),
        ({"name": "Häuser"}, '{"type": "t", "name": "Häuser"}\n'),
        ({"name": "a\u2028b\x85c\x9b31m\nd"}, '{"type": "t", "name": "a\\u2028b\\u0085c\\u009b31m\\nd"}\n'),
        ({"name": "lone \udcff"}, '{"type": "t", "name": "lone ?"}\n'),
    ],
)
def test_emit_prints_one_line_of_json_whatever_a_text_holds(published: dict[str, object], line: str) -> None:
    out = io.StringIO()

    Asking(stdout=out).emit("t", published)

    assert out.getvalue() == line


def test_emit_refuses_what_is_no_json_when_a_number_is_none() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Asking(stdout=io.StringIO()).emit("t", {"x": float("nan")})


def test_text_is_spelled_out_when_it_could_steer_a_terminal() -> None:
    shown = printable("a\x1b[31m\n\u202egpj.ä\udcff")

    assert shown == "a\\x1b[31m\\n\\u202egpj.ä\\udcff"


def test_table_is_plain_and_whole_when_it_goes_to_a_file() -> None:
    text = table_text(("NAME", "N"), [["x" * 300, 5], ["[red]", 1000], ["", None]], is_terminal=False)

    assert text.splitlines() == [
        f"{'NAME':<300}     N",
        f"{'x' * 300}     5",
        f"{'[red]':<300}  1000",
        f"{'':<300}     -",
    ]


def test_table_is_colored_when_it_goes_to_a_terminal() -> None:
    text = table_text(("NAME",), [["x"]], is_terminal=True)

    assert text.splitlines()[0].startswith("\x1b[1m")
