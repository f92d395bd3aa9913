"""The database that a command finds, and the one that it may bring up to date by itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from processing.management import readiness
from tests.commands.running import MANAGE

PREPARE = (
    "import sys; import django; django.setup()\n"
    "from processing.management import readiness\n"
    "readiness.open_database()\n"
    "readiness.migrate_own_sqlite(sys.stdout.write)\n"
    "readiness.require_tables()\n"
)


def test_two_processes_migrate_one_database_when_they_start_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE],
            cwd=MANAGE.parent,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in processes]

    assert [(err, code) for _, err, code in ended] == [("", 0), ("", 0)]
    assert sorted(out.split(":")[0] for out, _, _ in ended) == ["", "Preparing the database"]


def environment(var: Path) -> dict[str, str]:
    """Give an environment whose state folder, and so whose own database, is new."""
    return {
        "PATH": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STOCKPROOF_VAR": str(var),
        "DATABASE_URL": "",
    }


@pytest.mark.django_db
def test_database_is_our_own_only_when_it_is_the_file_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(settings.STOCKPROOF_VAR) / "stockproof.sqlite3"
    found = []

    for name in (str(own), str(tmp_path / "stockproof.sqlite3"), "stockproof"):
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        found.append(readiness.is_own_sqlite())

    assert found == [connection.vendor == "sqlite", False, False]


@pytest.mark.django_db
def test_no_migration_is_missing_when_the_database_was_migrated() -> None:
    missing = readiness.missing_migrations()

    assert missing == []
