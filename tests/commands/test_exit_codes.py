"""What a shell sees: exit codes, stdout for data, stderr for the rest, one JSON object per line.

The throwaway PostgreSQL does not sync, which a system check refuses; hence --skip-checks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from processing.models import ImageResult
from processing.states import Stage
from tests.commands.running import MANAGE, run_process
from tests.factories import make_batch, make_result, make_session

ERROR_KEYS = ["type", "code", "message", "hint", "session"]


@pytest.mark.django_db(transaction=True)
def test_command_exits_0_with_only_data_on_stdout_when_it_is_done(database_url: str) -> None:
    session = make_session()

    ended = run_process("sessions", "--json", "--skip-checks", DATABASE_URL=database_url)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [json.loads(line)["session"] for line in ended.stdout.splitlines()] == [str(session.pk)]


def test_command_exits_2_with_an_error_object_when_an_argument_is_unknown() -> None:
    ended = run_process("sessions", "--json", "--status", "sleeping")

    error = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert (list(error), error["type"], error["code"]) == (ERROR_KEYS, "error", "usage")


def test_command_exits_2_with_a_sentence_on_stderr_when_an_argument_is_missing() -> None:
    ended = run_process("session")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "Error: the following arguments are required: ID\nSee `manage.py session --help`.\n"
    )


@pytest.mark.django_db(transaction=True)
def test_command_exits_4_when_there_is_no_such_session(database_url: str) -> None:
    ended = run_process("session", "abcdef", "--json", "--skip-checks", DATABASE_URL=database_url)

    assert ended.returncode == 4
    assert json.loads(ended.stdout) == {
        "type": "error",
        "code": "not_found",
        "message": "There is no session 'abcdef'. `manage.py sessions` lists them.",
        "hint": "`latest` is the newest session.",
        "session": None,
    }


@pytest.mark.django_db(transaction=True)
def test_command_exits_5_and_names_the_session_when_its_state_forbids_the_step(database_url: str) -> None:
    session = make_session(stage=Stage.COMPLETED)

    ended = run_process("pause", "latest", "--json", "--skip-checks", DATABASE_URL=database_url)

    assert ended.returncode == 5
    assert json.loads(ended.stdout) == {
        "type": "error",
        "code": "refused",
        "message": f"Session {session.pk} cannot pause: it is completed.",
        "hint": f"`manage.py results {session.pk}` prints its verdicts.",
        "session": str(session.pk),
    }


def test_command_exits_1_and_says_why_when_a_system_check_refuses_the_settings() -> None:
    ended = run_process("sessions", "--json", CRASH_DETECTION_TIMEOUT_S="1")

    error = json.loads(ended.stdout)
    assert (ended.returncode, error["code"]) == (1, "configuration")
    assert error["message"].splitlines()[3].startswith("?: (stockproof.E001) CRASH_DETECTION_TIMEOUT_S is 1,")


def test_command_exits_75_when_the_database_does_not_answer() -> None:
    ended = run_process("sessions", "--json", DATABASE_URL="postgres://nobody:x@127.0.0.1:1/none")

    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (75, "database_unreachable")


def test_command_exits_75_with_another_code_when_the_database_is_not_migrated(tmp_path: Path) -> None:
    ended = run_process("sessions", "--json", DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    error = json.loads(ended.stdout)
    assert (ended.returncode, error["code"]) == (75, "database_not_migrated")
    assert error["hint"] == "Run `manage.py migrate`."


def test_command_exits_1_with_a_sentence_when_something_unexpected_happens(tmp_path: Path) -> None:
    broken = _broken_program(tmp_path)

    ended = subprocess.run(
        [sys.executable, broken, "sessions"], capture_output=True, encoding="utf-8", check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "Error: Something unexpected happened: ZeroDivisionError: division by zero\n"
        "Run it again with --traceback to see where.\n"
    )


def test_command_shows_where_when_it_is_asked_for_a_traceback(tmp_path: Path) -> None:
    broken = _broken_program(tmp_path)

    ended = subprocess.run(
        [sys.executable, broken, "sessions", "--json", "--traceback"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (1, "unexpected")
    assert ended.stderr.startswith("Traceback (most recent call last):\n")


def _broken_program(folder: Path) -> str:
    """Write a `manage.py` whose `sessions` divides by zero."""
    program = folder / "broken.py"
    program.write_text(
        f"import os, sys\nsys.path.insert(0, {str(MANAGE.parent)!r})\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n"
        "import django; django.setup()\n"
        "from processing.management.commands.sessions import Command\n"
        "class Broken(Command):\n"
        "    requires_migrations_checks = False\n"
        "    def handle(self, **options): 1 / 0\n"
        "Broken().run_from_argv(sys.argv)\n",
        encoding="utf-8",
    )
    return str(program)


@pytest.mark.django_db(transaction=True)
def test_results_end_quietly_when_their_reader_goes_away(database_url: str) -> None:
    session = make_session()
    batch = make_batch(session=session, photos_count=4000)
    ImageResult.objects.bulk_create(make_result(batch=batch, position=position) for position in range(4000))

    with subprocess.Popen(
        [sys.executable, str(MANAGE), "results", "latest", "--skip-checks"],
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        first = command.stdout.readline()
        command.stdout.close()
        _, err = command.communicate(timeout=60)

    assert (command.returncode, err) == (141, b"")
    assert json.loads(first)["position"] == 0


def test_help_ends_with_an_example_when_asked() -> None:
    ended = run_process("sessions", "--help")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("\nexample:\n  python manage.py sessions --status interrupted\n")


def test_command_exits_1_with_a_sentence_when_a_setting_has_a_wrong_value() -> None:
    ended = run_process("sessions", BATCH_SIZE="many")
    in_json = run_process("sessions", "--json", BATCH_SIZE="many")

    sentence = "BATCH_SIZE is 'many', but it must be a whole number from 1 to 10000: set it to one, or unset it for 50."
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"Error: {sentence}\n")
    assert (in_json.returncode, in_json.stderr) == (1, "")
    assert json.loads(in_json.stdout) == {
        "type": "error",
        "code": "configuration",
        "message": sentence,
        "hint": "",
        "session": None,
    }
