"""A backup that was made while photos were judged, put back after everything was lost: the session goes on from there."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from processing.models import ImageResult
from recovery import checkpoint_acts
from recovery.kinds import CheckpointType
from recovery.models import AuditHead
from tests import postgresql
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, until
from tests.databases import point_django_at

pytestmark = pytest.mark.kill
DUMP = "stockproof.dump"


def copy_database(url: str, folder: Path) -> str:
    """Back up as docs/deploy.md says, and put the backup back beside; give the URL of what was put back."""
    if url.startswith("sqlite"):
        original, copy = url.removeprefix("sqlite:///"), folder / "restored.sqlite3"
        program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", program, original, str(copy)], check=True)
        return f"sqlite:///{copy}"
    host = url.partition("?host=")[2]
    binaries = postgresql.find_binaries(folder)
    options = ["-h", host, "-U", postgresql.USER]
    dump = str(folder / DUMP)
    for command in (
        ["pg_dump", *options, "-Fc", "-f", dump, "postgres"],
        ["createdb", *options, "restored"],
        ["pg_restore", *options, "-d", "restored", dump],
    ):
        subprocess.run([str(binaries / command[0]), *command[1:]], check=True, env={"PATH": os.defpath})
    return url.replace("/postgres?", "/restored?")


def drop_copy(url: str) -> None:
    """Remove what was put back, which a server would keep for the next test."""
    if not url.startswith("sqlite"):
        import psycopg  # noqa: PLC0415 -- SQLite's run needs none

        server = psycopg.connect(
            url.replace("/restored?", "/postgres?").replace("postgres://", "postgresql://")
        )
        server.autocommit = True
        with closing(server):
            server.execute("DROP DATABASE restored WITH (FORCE)")


def test_session_goes_on_from_a_backup_that_was_made_while_it_ran(
    studio: Studio, undisturbed: str, tmp_path: Path, database_url: str
) -> None:
    run = studio.process()
    until(lambda: ImageResult.objects.count() >= 10)
    # It leaves an entry in the audit log, so that there is a head to be found again.
    checkpoint_acts.take(studio.session(), CheckpointType.MANUAL, actor="ines")
    restored = copy_database(database_url, tmp_path)
    until(lambda: ImageResult.objects.count() >= 25)
    studio.kill_everything()
    assert run.process.returncode != 0
    point_django_at(restored)
    try:
        studio._environment["DATABASE_URL"] = restored
        head = bytes(AuditHead.objects.get().mac).hex()
        studio.recover()
        studio.finish("verify", "--all")
        studio.finish("audit", "verify", "--head", head)
        assert_exact(studio, undisturbed)
    finally:
        point_django_at(database_url)
        drop_copy(restored)


def test_backup_of_sqlite_is_one_whole_file(tmp_path: Path) -> None:
    original = tmp_path / "a.sqlite3"
    with closing(sqlite3.connect(original)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE one (number)")
        connection.execute("INSERT INTO one VALUES (7)")
        connection.commit()

        copy = copy_database(f"sqlite:///{original}", tmp_path).removeprefix("sqlite:///")

    with closing(sqlite3.connect(copy)) as restored:
        assert restored.execute("SELECT number FROM one").fetchall() == [(7,)]
