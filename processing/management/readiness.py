"""Whether the database answers and has this version's tables; and bringing it there where it is our own."""

import functools
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files import locks
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from processing.management.failures import (
    DATABASE_HINT,
    DatabaseNotMigrated,
    DatabaseUnreachable,
    first_line,
)

OWN_DATABASE = "stockproof.sqlite3"
MIGRATION_LOCK = "migrating.lock"


def open_database() -> None:
    """Connect. Raises DatabaseUnreachable with what the database said."""
    try:
        connection.ensure_connection()
    except (DatabaseError, InterfaceError) as error:
        raise DatabaseUnreachable(
            f"The database cannot be reached: {first_line(error)}", hint=DATABASE_HINT
        ) from error


def missing_migrations() -> list[str]:
    """Name the migrations that the database lacks, in their order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _ in plan]


@functools.cache
def _migrations_of_this_version() -> frozenset[tuple[str, str]]:
    """Read from the program's files, once, which migrations there are: that takes 30 ms."""
    return frozenset(MigrationLoader(None).disk_migrations)


def is_migrated() -> bool:
    """Say in one query whether the database has every migration of this version."""
    return _migrations_of_this_version() <= MigrationRecorder(connection).applied_migrations().keys()


def is_own_sqlite() -> bool:
    """Say whether the database is the SQLite file that we keep in the state folder."""
    own = Path(settings.STOCKPROOF_VAR) / OWN_DATABASE
    name = str(connection.settings_dict["NAME"])
    return connection.vendor == "sqlite" and Path(name).resolve() == own.resolve()


def require_tables() -> None:
    """Raise DatabaseNotMigrated unless the database has this version's tables."""
    missing = missing_migrations()
    if missing:
        raise DatabaseNotMigrated(
            f"The database lacks {len(missing)} of this version's migrations, {missing[0]} first.",
            hint="Run `manage.py migrate`.",
        )


def migrate_own_sqlite(note: Callable[[str], None]) -> None:
    """Bring our own SQLite database up to date; of two that start at once, one waits for the other.

    test: test_two_processes_migrate_one_database_when_they_start_at_once.
    """
    with (Path(settings.STOCKPROOF_VAR) / MIGRATION_LOCK).open("w") as file:
        locks.lock(file, locks.LOCK_EX)
        missing = missing_migrations()
        if missing:
            note(f"Preparing the database: {len(missing)} migrations.")
            call_command("migrate", interactive=False, verbosity=0)
