"""What somebody does who may write the database: takes the triggers away and changes the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from recovery import audit
from recovery.models import AuditEntry
from tests.databases import TRIGGERS


def make_entries(count: int) -> list[bytes]:
    """Record acts and give the mac of each."""
    return [audit.record("pin", actor="ines", details={"n": n}).mac for n in range(count)]


@contextmanager
def without_triggers() -> Iterator[None]:
    """Take the triggers of the audit log away for a while."""
    _execute(*TRIGGERS.DROP[connection.vendor])
    yield
    _execute(*TRIGGERS.CREATE[connection.vendor])


def change(number: int, **columns: Any) -> None:
    """Overwrite columns of an entry."""
    with without_triggers():
        AuditEntry.objects.filter(number=number).update(**columns)


def remove(*numbers: int) -> None:
    """Remove entries."""
    with without_triggers():
        AuditEntry.objects.filter(number__in=numbers).delete()


def overwrite(number: int, column: str, value: str) -> None:
    """Overwrite a column of SQLite's with what an SQL expression gives, past all types and constraints."""
    update = f"UPDATE recovery_auditentry SET {column} = {value} WHERE number = {number}"  # noqa: S608
    with without_triggers():
        _execute("PRAGMA ignore_check_constraints = ON", update, "PRAGMA ignore_check_constraints = OFF")


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
