"""`audit verify|export`: the log of what people did, checked from its first entry to its last, or written out."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from processing import keys
from processing.management.base import StockproofCommand
from processing.management.failures import IntegrityFailed, WrongUsage
from processing.management.sheets import csv_lines
from recovery.audit_verification import LogDamaged, Problem, Reading, entries
from recovery.models import AuditHead
from recovery.published import entry_of

PROBLEMS_SHOWN_MAX = 100
VERIFY_HINT = "`manage.py audit verify` names every entry that was changed."
COLUMNS = ("number", "at", "actor", "action", "session", "outcome", "details", "mac", "address")


def exported_head(text: str) -> bytes:
    """Read a head as `audit verify` printed it, or the mac of an exported entry."""
    try:
        mac = bytes.fromhex(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not hexadecimal") from error
    if len(mac) != keys.TAG_BYTES:
        raise ArgumentTypeError(f"{text!r} has not {2 * keys.TAG_BYTES} digits")
    return mac


class Command(StockproofCommand):
    """Verifies or exports the audit log."""

    help = (
        "Check that no entry of the audit log was changed, removed or moved, the last one included; or print them "
        "all. `verify` prints the head: keep it elsewhere, and `--head` later finds a log that was put back."
    )
    example = "audit verify"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to do, the head and the format."""
        super().add_arguments(parser)
        parser.add_argument("act", choices=("verify", "export"), help="Check the log, or print it.")
        parser.add_argument(
            "--head", type=exported_head, metavar="MAC", help="A head printed earlier, to be found again."
        )
        parser.add_argument("--format", choices=("jsonl", "csv"), help="Of export; default: jsonl.")

    def handle(self, *, act: str, head: bytes | None, **options: Any) -> None:
        """Do it."""
        if act == "export" and head is not None:
            raise WrongUsage("--head belongs to `audit verify`.")
        if act == "verify" and options["format"] is not None:
            raise WrongUsage("--format belongs to `audit export`.")
        if act == "verify":
            with self._counting() as on_page:
                self._verify(Reading(head, on_page))
        else:
            self._export(options["format"] or "jsonl")

    @contextmanager
    def _counting(self) -> Iterator[Callable[[int], None] | None]:
        """Show on a terminal how far the reading is: a million entries take two minutes."""
        console = Console(stderr=True)
        if self.wants_json or not console.is_terminal:
            yield None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            total = AuditHead.objects.values_list("number", flat=True).first()
            task = bar.add_task(_("entries"), total=total)
            yield lambda count: bar.advance(task, count)

    def _verify(self, reading: Reading) -> None:
        problems_count = 0
        for problem in reading.problems():
            problems_count += 1
            if problems_count <= PROBLEMS_SHOWN_MAX:
                self._tell_problem(problem)
        if problems_count > PROBLEMS_SHOWN_MAX:
            self.note(f"{problems_count - PROBLEMS_SHOWN_MAX} further problems are not shown.")
        self._tell_end(reading, problems_count)
        if problems_count:
            sys.exit(IntegrityFailed.exit_code)

    def _tell_problem(self, problem: Problem) -> None:
        if self.wants_json:
            self.emit("finding", {"code": problem.code, "text": problem.text, "repairable": False})
        else:
            self.say(problem.text)

    def _tell_end(self, reading: Reading, problems_count: int) -> None:
        head, count = reading.mac.hex() or None, reading.entries_count
        if self.wants_json:
            published = {"ok": not problems_count, "entries": count, "first_bad": reading.first_bad}
            self.emit("audit_verification", {**published, "head": head})
        elif problems_count:
            first = "" if reading.first_bad is None else f" The first bad entry is {reading.first_bad}."
            self.say(f"The audit log is not as it was written.{first}")
        else:
            self.say(f"The audit log is as it was written: {count} entries, head {head or 'none yet'}.")

    def _export(self, file_format: str) -> None:
        if file_format == "csv":
            for line in csv_lines(COLUMNS, _published()):
                self.write_raw(line)
            return
        for published in _published():
            self.emit("audit", published)


def _published() -> Iterator[dict[str, Any]]:
    try:
        for entry in entries():
            if isinstance(entry, int):
                raise IntegrityFailed(f"Entry {entry} cannot be read.", hint=VERIFY_HINT)
            yield entry_of(entry)
    except LogDamaged as error:
        raise IntegrityFailed(str(error), hint=VERIFY_HINT) from error
