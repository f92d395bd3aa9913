"""Whether the database still refuses to change the audit log: its triggers, as the migration has made them."""

import importlib

from django.db import connection

from recovery.models import AuditEntry

MIGRATION = importlib.import_module("recovery.migrations.0003_audit_triggers")
# Before each statement that updates, deletes or truncates (PostgreSQL's catalog/pg_trigger.h).
BEFORE_ANY_CHANGE = 2 | 8 | 16 | 32
# In a session of replication only (R) or disabled (D), a trigger refuses nothing.
WORKING = """
SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = %s::regclass AND t.tgenabled IN ('O', 'A') AND t.tgtype & %s = %s
  AND position(%s in p.prosrc) > 0
"""
AS_MADE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"


def missing_triggers() -> list[str]:
    """Name the triggers that are not there, or not as they were made. Takes one query."""
    working = {"sqlite": _working_on_sqlite, "postgresql": _working_on_postgresql}[connection.vendor]()
    return [name for name in _made() if name not in working]


def _made() -> dict[str, str]:
    """Give the statements that make the triggers, by the triggers' names."""
    statements = (one for one in MIGRATION.CREATE[connection.vendor] if one.startswith("CREATE TRIGGER"))
    return {one.split()[2]: one for one in statements}


def _working_on_postgresql() -> set[str]:
    table, change = AuditEntry._meta.db_table, BEFORE_ANY_CHANGE
    with connection.cursor() as cursor:
        cursor.execute(WORKING, [table, change, change, MIGRATION.REFUSAL])
        return {name for (name,) in cursor.fetchall()}


def _working_on_sqlite() -> set[str]:
    made = _made()
    with connection.cursor() as cursor:
        cursor.execute(AS_MADE, [AuditEntry._meta.db_table])
        return {name for name, sql in cursor.fetchall() if sql == made.get(name)}
