"""The audit log read again from its first entry to its last, and what in it is not as it was written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from processing import keys
from recovery.audit import ENTRY, ONLY_HEAD, SEAM, follows, head_holds
from recovery.models import AuditEntry, AuditHead

# Read at once: each page is one short query, so a long reading holds nobody up and little in memory.
PAGE_ENTRIES = 2000
BEFORE_FIRST = -1
# What a column that somebody overwrote makes of a row in SQLite, which stores any type in any column.
DAMAGED = (ValueError, TypeError, AttributeError, RecursionError)
KINDS: dict[str, Any] = {
    "number": int,
    "at": datetime,
    "actor": str,
    "address": str | None,
    "action": str,
    "session": UUID | None,
    "outcome": str,
    "details": dict,
    "mac": bytes | memoryview,
}


class LogDamaged(Exception):
    """The log cannot be read on from here."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written; `number` is the first entry that it concerns, where that is known."""

    code: str
    text: str
    number: int | None = None


def entries() -> Iterator[AuditEntry | int]:
    """Give all entries in order, in flat memory; of one that cannot be read only its number.

    Raises LogDamaged at a number that is none: nothing behind it can be found.
    """
    number = BEFORE_FIRST
    while page := _page_after(number):
        for row in page:
            entry = _checked(row)
            number = entry if isinstance(entry, int) else entry.number
            yield entry


def _page_after(number: int) -> list[AuditEntry | object]:
    """Read a page; if one entry of it cannot be read, each alone, and of that one only what stands for its number."""
    wanted = AuditEntry.objects.filter(number__gt=number).order_by("number")
    try:
        return list(wanted[:PAGE_ENTRIES])
    except DAMAGED:
        return [_read_alone(one) for one in wanted.values_list("number", flat=True)[:PAGE_ENTRIES]]


def _read_alone(number: Any) -> AuditEntry | object:
    try:
        return AuditEntry.objects.get(pk=number)
    except DAMAGED:
        damaged: object = number
        return damaged


def _checked(row: AuditEntry | object) -> AuditEntry | int:
    if isinstance(row, AuditEntry) and _is_readable(row):
        return row
    number = row.number if isinstance(row, AuditEntry) else row
    if not isinstance(number, int):
        raise LogDamaged(f"An entry has {number!r} in place of a number.")
    return number


def _is_readable(entry: AuditEntry) -> bool:
    return all(isinstance(getattr(entry, name), kind) for name, kind in KINDS.items())


class Reading:
    """One reading of the log. `problems` says what is wrong; once it has ended, the rest says what was read.

    `exported` is the mac of an entry that was the last one once; it must still be among them. `on_page` is told
    from time to time how many further entries were read.
    """

    def __init__(self, exported: bytes | None = None, on_page: Callable[[int], None] | None = None) -> None:
        self._on_page = on_page
        self.entries_count = 0
        self.first_bad: int | None = None
        self.mac = b""
        self._exported, self._exported_is_there = exported, exported is None
        self._number = 0
        # Behind an entry that is gone or cannot be read, nobody knows what the next one was chained to.
        self._knows_previous = True
        self._foreign_key: bytes | None = None

    def problems(self) -> Iterator[Problem]:
        """Read the log and give each problem, in the order of the entries; the head's come last.

        The head is read before and after: entries that are added meanwhile lie between the two.
        """
        for problem in self._all_problems():
            numbers = [one for one in (self.first_bad, problem.number) if one is not None]
            self.first_bad = min(numbers, default=None)
            yield problem

    def _all_problems(self) -> Iterator[Problem]:
        before, fault = _read_head()
        try:
            for entry in entries():
                yield from self._problems_of(entry)
                if before is not None and before.number == self._number and bytes(before.mac) != self.mac:
                    text = f"Entry {self._number} is not the one that the head names."
                    yield Problem("entry_changed", text, self._number)
        except LogDamaged as error:
            yield Problem("entry_changed", str(error), self._number + 1)
        after, later_fault = _read_head()
        yield from self._problems_of_end(before, after, fault or later_fault)

    def _problems_of(self, entry: AuditEntry | int) -> Iterator[Problem]:
        number = entry if isinstance(entry, int) else entry.number
        if number != self._number + 1:
            yield _gap(self._number + 1, number - 1)
            self._knows_previous = False
        self._number = number
        self.entries_count += 1
        if self._on_page is not None and self.entries_count % PAGE_ENTRIES == 0:
            self._on_page(PAGE_ENTRIES)
        if isinstance(entry, int):
            self._knows_previous = False
            yield Problem("entry_changed", f"Entry {number} was changed: it cannot be read.", number)
            return
        problem = self._problem_of_mac(entry)
        if problem is not None:
            yield problem
        self.mac, self._knows_previous = bytes(entry.mac), True
        self._exported_is_there |= self.mac == self._exported

    def _problem_of_mac(self, entry: AuditEntry) -> Problem | None:
        number, key = entry.number, _key_of(entry.mac)
        if keys.secret_named(key) is None:
            is_new, self._foreign_key = key != self._foreign_key, key
            return Problem("key_unknown", f"Entry {number} {_signed_by(key)}", number) if is_new else None
        self._foreign_key = None
        if not self._knows_previous or _follows(entry, self.mac, ENTRY):
            return None
        if _follows(entry, self.mac, SEAM):
            text = f"Before entry {number} was written, somebody had changed the log's end or its head."
            return Problem("head_changed", text, number)
        return Problem("entry_changed", f"Entry {number} was changed, or stands in a wrong place.", number)

    def _problems_of_end(
        self, before: AuditHead | None, after: AuditHead | None, fault: tuple[str, str] | None
    ) -> Iterator[Problem]:
        """Nothing vouches for what stood behind the last entry once the head is not as it was written."""
        beyond = self._number + 1
        if fault is not None:
            yield Problem(*fault, beyond)
        elif before is not None and before.number > self._number:
            yield _gap(beyond, before.number)
        elif after is not None and after.number < self._number:
            text = f"The head names entry {after.number} as the last: it was changed to an older one."
            yield Problem("head_changed", text, beyond)
        if not self._exported_is_there:
            text = "The exported head is not in the log: it was cut, put back to an older copy, or replaced."
            yield Problem("exported_head_missing", text)


def _read_head() -> tuple[AuditHead | None, tuple[str, str] | None]:
    """Read the head if it is as it was written; else give the code and the sentence of what is wrong."""
    head = AuditHead.objects.filter(pk=ONLY_HEAD).first()
    if head is None:
        return None, ("head_removed", "The log's head was removed, and perhaps entries with it.")
    if head_holds(head):
        return head, None
    key = _key_of(head.tag)
    if len(key) == keys.KEY_ID_BYTES and keys.secret_named(key) is None:
        return None, ("key_unknown", f"The log's head {_signed_by(key)}")
    return None, ("head_changed", "The log's head was changed, and perhaps entries were removed.")


def _gap(first: int, last: int) -> Problem:
    which = f"Entry {first} was" if first == last else f"Entries {first} to {last} were"
    return Problem("entries_removed", f"{which} removed.", first)


def _key_of(tag: object) -> bytes:
    return bytes(tag[: keys.KEY_ID_BYTES]) if isinstance(tag, bytes | memoryview) else b""


def _signed_by(key: bytes) -> str:
    return f"was signed by key {key.hex()}, which STOCKPROOF_CHECKPOINT_KEYS does not list."


def _follows(entry: AuditEntry, previous: bytes, purpose: str) -> bool:
    """Check a mac; details that no canonical text can hold were written by somebody else."""
    try:
        return follows(entry, previous, purpose)
    except ValueError:
        return False
