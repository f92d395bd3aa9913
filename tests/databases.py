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
from django.db.models.signals import post_migrate

from config import databases, environment
from tests import postgresql

APP_LABELS = ("processing", "recovery")
TRIGGERS = importlib.import_module("recovery.migrations.0003_audit_triggers")


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

    def restore_rows(self, **_kwargs: object) -> None:
        """After a flush: put back what migrations had put in."""
        if self.current:
            for row in serializers.deserialize("json", self.current.rows):
                row.save()

    def _make(self, kind: Kind) -> MigratedDatabase:
        if kind.vendor == "sqlite":
            url = f"sqlite:///{self.folder / f'durable-{kind.durable}.sqlite3'}"
        else:
            url = self.stack.enter_context(postgresql.running(fsync=kind.durable))
        self.current = None
        point_django_at(url)
        call_command("migrate", verbosity=0)
        models = [model for label in APP_LABELS for model in apps.get_app_config(label).get_models()]
        rows = [row for model in models for row in model._default_manager.order_by("pk")]
        return MigratedDatabase(url, serializers.serialize("json", rows))


def point_django_at(url: str) -> None:
    """Make this URL the default database of this process; its threads connect anew."""
    database = databases.hardened(environment.database_from(url), Path.cwd())
    connections["default"].close()
    del connections["default"]
    connections.databases["default"] = connections.configure_settings({"default": database})["default"]
    let_flush_empty_the_audit_log()


def let_flush_empty_the_audit_log() -> None:
    """Around a flush between tests, and only there, take the triggers of the audit log away; all in one transaction."""
    connection = connections["default"]
    flush, vendor = connection.ops.execute_sql_flush, connection.vendor

    def flush_without_triggers(statements: list[str]) -> None:
        flush([*TRIGGERS.DROP[vendor], *statements, *TRIGGERS.CREATE[vendor]])

    connection.ops.execute_sql_flush = flush_without_triggers


@contextmanager
def made_on_demand(folder: Path) -> Iterator[Databases]:
    """The databases of one test run; at its end the servers are stopped."""
    with ExitStack() as stack:
        made = Databases(folder, stack)
        sender = apps.get_app_config(APP_LABELS[-1])
        post_migrate.connect(made.restore_rows, sender=sender)
        stack.callback(post_migrate.disconnect, made.restore_rows, sender=sender)
        yield made
        connections["default"].close()


def missing(reason: str) -> None:
    """Skip for want of a program; in continuous integration fail instead.

    Raises pytest's own outcome exceptions.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
