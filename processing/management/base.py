"""What all commands share: output for people and for scripts, exit codes, a database that is ready."""

import getpass
import json
import re
import sys
import traceback
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping, Sequence
from io import TextIOWrapper
from types import TracebackType
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.management import readiness
from processing.management.failures import (
    EXIT_INTERRUPTED,
    EXIT_READER_GONE,
    EXPECTED,
    CommandFailed,
    ConfirmationNeeded,
    ReaderGone,
    WrongUsage,
    failure_of,
    first_line,
)
from processing.management.tables import printable, table_text
from processing.models import ProcessingSession
from recovery import detection

# JSON leaves these as they are, but a reader that splits at "any line end" would cut an object in two.
_LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")


class StockproofCommand(BaseCommand):
    """A command as interface §3 says: data on stdout, the rest on stderr, exit codes and JSON lines.

    A subclass says `help` and `example`, adds its arguments after calling super, and writes `handle`.
    It raises what the models raise, or a CommandFailed.
    """

    example: ClassVar[str]
    migrates_own_sqlite: ClassVar[bool] = False
    # Django then calls `check_migrations` after its system checks and before `handle`.
    requires_migrations_checks = True

    wants_json = False
    may_ask = True
    _ends_process = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Build the parser; it raises CommandError instead of ending the process, which `run_from_argv` does."""
        self._called_from_command_line = False
        example = f"example:\n  python manage.py {self.example}"
        return super().create_parser(
            prog_name, subcommand, epilog=example, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what every command understands."""
        parser.add_argument("--json", action="store_true", help="Print one JSON object per line.")
        parser.add_argument("--no-input", action="store_true", help="Never ask.")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from a command line and end the process with an exit code of interface §3."""
        self._ends_process = True
        self.wants_json = "--json" in argv
        _speak_utf8()
        sys.excepthook = self._tell_unexpected
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            self._tell_failure(
                WrongUsage(str(error).removeprefix("Error: "), hint=f"See `manage.py {argv[1]} --help`.")
            )
            sys.exit(WrongUsage.exit_code)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        except ReaderGone:
            sys.exit(EXIT_READER_GONE)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; an expected error becomes a CommandFailed, and on a command line the end of the process."""
        self.wants_json, self.may_ask = options["json"], not options["no_input"]
        try:
            return super().execute(*args, **options)
        except EXPECTED as error:
            failure = failure_of(error)
            if not self._ends_process:
                raise failure from error
            if options["traceback"]:
                self.stderr.write("".join(traceback.format_exception(error)))
            self._tell_failure(failure)
            sys.exit(failure.returncode)

    def check_migrations(self) -> None:
        """Make sure of the database, then bury the dead: no status is read before (design §5)."""
        readiness.open_database()
        if self.migrates_own_sqlite and readiness.is_own_sqlite():
            readiness.migrate_own_sqlite(self.note)
        readiness.require_tables()
        detection.look()

    def emit(self, kind: str, published: Mapping[str, object]) -> None:
        """Print one JSON line: the type, then the keys of the published object in their order."""
        line = json.dumps({"type": kind, **published}, ensure_ascii=False, allow_nan=False)
        line = line.encode("utf-8", "replace").decode("utf-8")
        self._write(_LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", line))

    def say(self, text: str) -> None:
        """Print a line for people on stdout."""
        self._write(printable(text))

    def show_table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table for people on stdout."""
        self._write(table_text(columns, rows, is_terminal=self.stdout.isatty()))

    def write_raw(self, text: str) -> None:
        """Print text that is formatted already on stdout."""
        self._write(text)

    def note(self, text: str) -> None:
        """Print a line on stderr: what happens, what is waited for."""
        self.stderr.write(printable(text), str)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if a person has said yes, by `--yes` or on a terminal. Raises ConfirmationNeeded."""
        if yes:
            return
        if not self.may_ask or self.wants_json or not sys.stdin.isatty():
            raise ConfirmationNeeded(question, hint="Add --yes to say yes.")
        self.stderr.write(f"{printable(question)} [y/N] ", str, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ConfirmationNeeded("Nothing was done: nobody said yes.")

    def session_named(self, name: str) -> ProcessingSession:
        """Find the session that a person means: id, unique prefix or `latest`."""
        return ProcessingSession.objects.named(name)

    def _write(self, text: str) -> None:
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGone from error

    def _tell_failure(self, failure: CommandFailed) -> None:
        if self.wants_json:
            self.emit("error", failure.published())
            return
        self.stderr.write(f"Error: {failure}")
        if failure.hint:
            self.stderr.write(failure.hint, str)

    def _tell_unexpected(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Say in a sentence what nobody expected; Python then ends with 1. `--traceback` shows where it was."""
        if "--traceback" in sys.argv:
            sys.__excepthook__(kind, error, trace)
        message = f"Something unexpected happened: {kind.__name__}: {first_line(error)}"
        self._tell_failure(CommandFailed(message, hint="Run it again with --traceback to see where."))


def _speak_utf8() -> None:
    """Print UTF-8 with plain line ends whatever the locale says: JSON is UTF-8, and names hold any sign."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def acting_person() -> str:
    """Name who runs the command, for the record; empty when the system has no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return ""
