"""System checks: what `manage.py check` refuses, each with a sentence and a way out."""

import socket
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from processing.models import Worker
from processing.worker import boot_id

HEARTBEATS_BEFORE_SILENCE = 3
SQLITE_FULL_OR_EXTRA = (2, 3)
POSTGRESQL_DURABLE = ("on", "remote_apply")
# Django's own measure (security.W009), for every key.
KEY_LENGTH_MIN, KEY_SIGNS_MIN = 50, 5

Messages = list[checks.CheckMessage]


def register() -> None:
    """Register every check of the house."""
    for check in (check_silence, check_requests, check_pool, check_reachable_databases):
        checks.register(check)
    checks.register(check_databases, checks.Tags.database)
    checks.register(check_weak_settings, checks.Tags.security, deploy=True)


def check_silence(**_options: Any) -> Messages:
    """A session must not count as crashed while its worker merely missed a beat."""
    shortest_s = HEARTBEATS_BEFORE_SILENCE * settings.HEARTBEAT_S
    if shortest_s <= settings.CRASH_DETECTION_TIMEOUT_S:
        return []
    return [
        checks.Error(
            f"CRASH_DETECTION_TIMEOUT_S is {settings.CRASH_DETECTION_TIMEOUT_S:g}, shorter than "
            f"{HEARTBEATS_BEFORE_SILENCE} heartbeats of {settings.HEARTBEAT_S} s: living workers would be buried.",
            hint=f"Set CRASH_DETECTION_TIMEOUT_S to {shortest_s} or more.",
            id="stockproof.E001",
        )
    ]


def check_requests(**_options: Any) -> Messages:
    """A transaction around each request would hold SQLite's write lock while a page is rendered."""
    return [
        checks.Error(
            f"ATOMIC_REQUESTS is on for the database {alias!r}: each page would wait for every writer.",
            hint="Remove ATOMIC_REQUESTS; the methods that need a transaction open one.",
            id="stockproof.E002",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS")
    ]


def check_pool(**_options: Any) -> Messages:
    """A pool that is opened before a fork is shared by all children, who then read each other's answers."""
    return [
        checks.Error(
            f"The database {alias!r} has a connection pool, but the workers are forked and would share it.",
            hint="Remove pool from the options in DATABASE_URL, and STOCKPROOF_POOLED from the environment.",
            id="stockproof.E003",
        )
        for alias, database in settings.DATABASES.items()
        if database.get("OPTIONS", {}).get("pool")
    ]


def weak_settings() -> list[tuple[str, str]]:
    """Say which settings are too weak beyond this machine, each with a remedy. Keys themselves are not shown."""
    keys = {
        "SECRET_KEY": [settings.SECRET_KEY],
        "STOCKPROOF_CHECKPOINT_KEYS": settings.STOCKPROOF_CHECKPOINT_KEYS,
    }
    weak = [
        (f"a key of {name} can be guessed", f"Use {KEY_LENGTH_MIN} random characters or more.")
        for name, given in keys.items()
        if any(len(key) < KEY_LENGTH_MIN or len(set(key)) < KEY_SIGNS_MIN for key in given)
    ]
    if settings.DEBUG:
        weak.append(("DEBUG shows settings and code to everybody", "Unset DEBUG."))
    if any(host.startswith("*") for host in settings.ALLOWED_HOSTS):
        weak.append(("ALLOWED_HOSTS takes any name", "Name the hosts, such as photos.example.com."))
    return weak


def check_weak_settings(**_options: Any) -> Messages:
    """Settings with which nobody should serve beyond this machine; Django's own look at DEBUG and SECRET_KEY too."""
    return [
        checks.Warning(f"{wrong[0].upper()}{wrong[1:]}.", hint=hint, id="stockproof.W006")
        for wrong, hint in weak_settings()
    ]


def check_reachable_databases(**_options: Any) -> Messages:
    """The durability and the users of each database that answers, also without `--database`."""
    return [message for alias in connections for message in _faults_if_reachable(alias)]


def check_databases(databases: Iterable[str] | None = None, **_options: Any) -> Messages:
    """The durability of the databases that `check --database` or `migrate` names."""
    return [message for alias in databases or () for message in _durability(alias)]


def _faults_if_reachable(alias: str) -> Messages:
    connection = connections[alias]
    if connection.settings_dict["OPTIONS"].get("pool"):
        # It cannot be opened as we open it; check_pool says why.
        return []
    was_open = connection.connection is not None
    try:
        connection.ensure_connection()
    except Error:
        # Commands that need the database say so themselves, with exit code 75.
        return []
    try:
        return _durability(alias) + _other_machines(alias)
    finally:
        # Commands fork workers after their checks, and a connection must not be open across a fork.
        if not was_open:
            connection.close()


def _durability(alias: str) -> Messages:
    connection = connections[alias]
    weaknesses: Callable[[BaseDatabaseWrapper], list[tuple[str, str]]]
    weaknesses = sqlite_weaknesses if connection.vendor == "sqlite" else postgresql_weaknesses
    return [
        checks.Error(
            f"The database {alias!r} answers {found}, so a power cut could lose photos that count as done.",
            hint=hint,
            id="stockproof.E004",
        )
        for found, hint in weaknesses(connection)
    ]


def _other_machines(alias: str) -> Messages:
    """Workers that beat on another machine; silent ones are left to be buried, else no command could start."""
    connection = connections[alias]
    if connection.vendor != "sqlite" or Worker._meta.db_table not in connection.introspection.table_names():
        return []
    silent = Worker.objects.silent(settings.CRASH_DETECTION_TIMEOUT_S)
    beating = Worker.objects.using(alias).living().exclude(pk__in=silent)
    # A container that was started anew has another name, but runs under the same kernel.
    others = beating.exclude(host=socket.gethostname()).exclude(boot_id=boot_id() or None)
    return [
        checks.Error(
            f"The database {alias!r} is SQLite, but a worker on the machine {host!r} uses it too: SQLite's locks "
            "do not reach over a network.",
            hint="Stop that worker, or set DATABASE_URL to a PostgreSQL server for both machines.",
            id="stockproof.E005",
        )
        for host in others.order_by("host").values_list("host", flat=True).distinct()
    ]


def sqlite_weaknesses(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """What is less durable than promised, as SQLite itself answers, each with a remedy."""
    journal = str(_answer(connection, "PRAGMA journal_mode"))
    synchronous = int(_answer(connection, "PRAGMA synchronous"))
    mode = connection.settings_dict["OPTIONS"].get("transaction_mode")
    findings = [
        (journal != "wal", f"journal_mode={journal}", "Keep it on a local disk and use journal_mode=WAL."),
        (
            synchronous not in SQLITE_FULL_OR_EXTRA,
            f"synchronous={synchronous}",
            "Remove synchronous from the options; FULL (2) is right.",
        ),
        (
            mode != "IMMEDIATE",
            f"transaction_mode={mode}",
            "Remove transaction_mode from the options; IMMEDIATE is right.",
        ),
    ]
    return [(found, hint) for weak, found, hint in findings if weak]


def postgresql_weaknesses(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """What is less durable than promised, as the server itself answers, each with a remedy."""
    commit = str(_answer(connection, "SHOW synchronous_commit"))
    fsync = str(_answer(connection, "SHOW fsync"))
    findings = [
        (
            commit not in POSTGRESQL_DURABLE,
            f"synchronous_commit={commit}",
            "Set synchronous_commit to on, for the server and for this user and database.",
        ),
        (fsync != "on", f"fsync={fsync}", "Set fsync to on in postgresql.conf."),
    ]
    return [(found, hint) for weak, found, hint in findings if weak]


def _answer(connection: BaseDatabaseWrapper, question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]
