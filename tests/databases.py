"""The two databases that every database test runs on, and how the test process moves between them."""

import importlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

from config import databases, environment
from tests import postgresql

APP_LABELS = ("processing", "recovery")
AUDIT_TABLE = "recovery_auditentry"
TRIGGERS = importlib.import_module("recovery.migrations.0003_audit_triggers")
# Made by `migrate` from the models alone; no test changes them.
LASTING_TABLES = ("django_migrations", "django_content_type", "auth_permission")


@dataclass(frozen=True)
class Kind:
    """One of the databases; a durable PostgreSQL keeps fsync on, for the tests that kill."""

    vendor: str
    durable: bool


@dataclass
class MigratedDatabase:
    """A database with all tables, and the rows that migrations put in, as JSON."""

    url: str
    rows: str = ""


class Databases:
    """The databases of this run, each made when the first test needs it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Keep files in this folder, and what must be stopped on this stack."""
        self.folder = folder
        self.stack = stack
        self.made: dict[Kind, MigratedDatabase] = {}
        self.current: MigratedDatabase | None = None

    def use(self, kind: Kind) -> MigratedDatabase:
        """Point Django's default database at this one; made and migrated first if need be."""
        if kind in self.made:
            point_django_at(self.made[kind].url)
        else:
            self.made[kind] = self._make(kind)
        self.current = self.made[kind]
        return self.current

    def clear(self) -> None:
        """After a test that committed: delete its rows, and put back what migrations had put in.

        Here alone the triggers that keep the audit log are taken away, in the transaction that brings them back.
        Django's own way truncates every table and makes all permissions anew, at 0.2 s of computing each time.
        """
        connection = connections["default"]
        filled = filled_tables(connection)
        deletions = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in filled]  # noqa: S608 -- our tables
        if AUDIT_TABLE in filled:
            drop, create = TRIGGERS.DROP[connection.vendor], TRIGGERS.CREATE[connection.vendor]
            deletions = [*drop, *deletions, *create]
        connection.ops.execute_sql_flush(deletions)
        assert self.current is not None
        for row in serializers.deserialize("json", self.current.rows):
            row.save()

    def _make(self, kind: Kind) -> MigratedDatabase:
        if kind.vendor == "sqlite":
            url = f"sqlite:///{self.folder / f'durable-{kind.durable}.sqlite3'}"
        else:
            url = self.stack.enter_context(postgresql.running(fsync=kind.durable))
        point_django_at(url)
        call_command("migrate", verbosity=0)
        models = [model for label in APP_LABELS for model in apps.get_app_config(label).get_models()]
        rows = [row for model in models for row in model._default_manager.order_by("pk")]
        return MigratedDatabase(url, serializers.serialize("json", rows))


def filled_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Name the tables with rows, but for those that last, in one query."""
    tables = sorted(set(connection.introspection.django_table_names()) - set(LASTING_TABLES))
    questions = [
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"  # noqa: S608
        for table in tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(questions))
        return [name for (name,) in cursor.fetchall()]


def point_django_at(url: str) -> None:
    """Make this URL the default database of this process; its threads connect anew."""
    database = databases.hardened(environment.database_from(url), Path.cwd())
    connections["default"].close()
    del connections["default"]
    connections.databases["default"] = connections.configure_settings({"default": database})["default"]


@contextmanager
def made_on_demand(folder: Path) -> Iterator[Databases]:
    """The databases of one test run; at its end the servers are stopped."""
    with ExitStack() as stack:
        made = Databases(folder, stack)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: made.clear())
        yield made
        connections["default"].close()


def missing(reason: str) -> None:
    """Skip for want of a program; in continuous integration fail instead.

    Raises pytest's own outcome exceptions.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
