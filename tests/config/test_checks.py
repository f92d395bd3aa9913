"""System checks: each refuses its fault with a sentence, and lets the right thing pass."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import checks
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from config.databases import SQLITE_OPTIONS
from processing.models import Worker
from processing.worker import boot_id
from tests.databases import MigratedDatabase

TOO_WEAK = "so a power cut could lose photos that count as done."


def run_checks() -> list[str]:
    """What `manage.py check` has to say about the house."""
    return [
        f"{found.id} {found.msg}"
        for found in checks.run_checks()
        if (found.id or "").startswith("stockproof")
    ]


@pytest.fixture
def changed_options(database: MigratedDatabase) -> Iterator[dict[str, Any]]:
    """The options of the current database, free to change; the database is opened anew before and after."""
    connection.close()
    kept = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = options = dict(kept)
    yield options
    connection.close()
    connection.settings_dict["OPTIONS"] = kept


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_pass_on_a_durable_database() -> None:
    assert run_checks() == []


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_silence_shorter_than_three_heartbeats(settings: Settings) -> None:
    settings.HEARTBEAT_S = 2
    settings.CRASH_DETECTION_TIMEOUT_S = 5.9
    too_short = run_checks()
    settings.CRASH_DETECTION_TIMEOUT_S = 6.0
    long_enough = run_checks()

    sentence = (
        "stockproof.E001 CRASH_DETECTION_TIMEOUT_S is 5.9, shorter than 3 heartbeats of 2 s: "
        "living workers would be buried."
    )
    assert too_short == [sentence]
    assert long_enough == []


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_transaction_around_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", "on")
        found = run_checks()

    assert found == [
        "stockproof.E002 ATOMIC_REQUESTS is on for the database 'default': each page would wait for every writer."
    ]


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "OPTIONS", {"pool": True})
        found = run_checks()

    assert found == [
        "stockproof.E003 The database 'default' has a connection pool, but the workers are forked and would share it."
    ]


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_each_weakness_that_the_database_answers(changed_options: dict[str, Any]) -> None:
    if connection.vendor == "sqlite":
        weak = {"init_command": "PRAGMA synchronous=NORMAL;", "transaction_mode": None}
        answers = ["synchronous=1", "transaction_mode=None"]
    else:
        weak = {"options": "-c synchronous_commit=local"}
        answers = ["synchronous_commit=local"]
    changed_options.update(weak)

    found = run_checks()

    assert found == [
        f"stockproof.E004 The database 'default' answers {answer}, {TOO_WEAK}" for answer in answers
    ]


@pytest.mark.kill
@pytest.mark.vendor("sqlite")
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_journal_that_is_not_wal_on_sqlite(changed_options: dict[str, Any]) -> None:
    changed_options["init_command"] = SQLITE_OPTIONS["init_command"].replace("WAL", "DELETE")

    found = run_checks()

    assert found == [f"stockproof.E004 The database 'default' answers journal_mode=delete, {TOO_WEAK}"]


@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_server_without_fsync() -> None:
    fault = f"stockproof.E004 The database 'default' answers fsync=off, {TOO_WEAK}"

    found = run_checks()

    assert found == ([fault] if connection.vendor == "postgresql" else [])


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_leave_no_connection_open_before_a_fork() -> None:
    connection.close()

    run_checks()

    assert connection.connection is None


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_of_a_named_database_are_the_same() -> None:
    tagged = checks.run_checks(tags=[checks.Tags.database], databases=["default"])

    assert tagged == []


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_checks_refuse_a_beating_worker_on_another_machine_on_sqlite() -> None:
    Worker.objects.create(token="a", host="attic", boot_id="other", pid=1)
    sentence = (
        "stockproof.E005 The database 'default' is SQLite, but a worker on the machine 'attic' uses it too: "
        "SQLite's locks do not reach over a network."
    )

    found = run_checks()

    assert found == ([sentence] if connection.vendor == "sqlite" else [])


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"host": socket.gethostname()},
        {"boot_id": boot_id()},
        {"ended_at": Now()},
        {"heartbeat_at": Now() - timedelta(seconds=301)},
    ],
    ids=["same host", "same kernel", "ended", "silent"],
)
def test_checks_let_a_worker_pass(changes: dict[str, Any]) -> None:
    Worker.objects.create(**({"token": "a", "host": "attic", "boot_id": "other", "pid": 1} | changes))

    assert run_checks() == []
