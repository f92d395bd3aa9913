"""The databases that worlds live on: SQLite in memory, filled from a template, or the test's PostgreSQL, emptied."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, connections

from config import databases
from recovery.models import AuditHead

CACHED_STATEMENTS = 4096
TABLES = (
    "processing_worker",
    "processing_processingsession",
    "django_q_ormq",
    "recovery_auditentry",
    "recovery_audithead",
)


@contextmanager
def in_memory() -> Iterator[Callable[[], None]]:
    """Point Django at a database in memory; yields what makes it new again, with all tables and no rows of ours."""
    before, settings_before = connections["default"], connections.databases["default"]
    settings = databases.hardened({"ENGINE": databases.SQLITE, "NAME": ""}, Path()) | {"NAME": ":memory:"}
    settings["OPTIONS"] |= {"cached_statements": CACHED_STATEMENTS}
    connections.databases["default"] = connections.configure_settings({"default": settings})["default"]
    del connections["default"]
    try:
        call_command("migrate", verbosity=0)
        template = sqlite3.connect(":memory:")
        connection.connection.backup(template)
        yield lambda: template.backup(connection.connection)
    finally:
        template.close()
        connection.connection.close()
        connections.databases["default"] = settings_before
        connections["default"] = before


@contextmanager
def on_server() -> Iterator[Callable[[], None]]:
    """Use the PostgreSQL of this test; yields what makes it new again."""
    head = list(AuditHead.objects.values())

    def clear() -> None:
        with connection.cursor() as cursor:
            # The audit log's triggers refuse this to everybody else.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")
            cursor.execute("SET session_replication_role = DEFAULT")
        AuditHead.objects.bulk_create(AuditHead(**row) for row in head)

    yield clear


def database_for(vendor: str) -> Any:
    """Give the database of a vendor as a context."""
    return in_memory() if vendor == "sqlite" else on_server()
