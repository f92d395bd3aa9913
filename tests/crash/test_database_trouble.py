"""The database fails under the run: it waits, reads again what it is not sure of, and goes on by itself."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from processing.models import Batch, ImageResult, Worker
from recovery.models import Crash, RecoveryAttempt
from tests import postgresql
from tests.crash.proof import assert_exact
from tests.crash.studio import DEADLINE_S, Studio, kill, until
from tests.crash.victim import Deed
from tests.databases import Databases, point_django_at

pytestmark = pytest.mark.kill

COMMIT = "django.db.backends.base.base.BaseDatabaseWrapper._commit"
LOST_ANSWERS = range(3, 30, 3)
LOST_COMMITS = range(4, 30, 6)


def test_lost_commit_answer_doubles_nothing(studio: Studio, undisturbed: str) -> None:
    plan = [Deed(COMMIT, "after", call, "lose_answer") for call in LOST_ANSWERS]
    plan += [Deed(COMMIT, "before", call, "lose_answer") for call in LOST_COMMITS]

    run = studio.process(plan=plan)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.count() == 0
    assert run.log().count("the connection was lost") >= len(plan)


@pytest.mark.vendor("postgresql")
def test_run_completes_by_itself_when_postgresql_goes_away(studio: Studio, undisturbed: str) -> None:
    run = studio.process()
    for photos_count in (1, 20, 40):
        until(lambda count=photos_count: ImageResult.objects.count() >= count)
        crash_server()

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.count() == 0
    assert RecoveryAttempt.objects.count() == 0


class Server:
    """A PostgreSQL server of one test, which can be killed whole and started again."""

    def __init__(self, url: str) -> None:
        """Know the server that `postgresql.running` has started."""
        self.url = url
        self.folder = Path(url.partition("?host=")[2])
        self._again: subprocess.Popen[bytes] | None = None
        main = Path(f"/proc/{self.pid}")
        self._command = (main / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        owner = self.folder.stat()
        self._owner = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}

    @property
    def pid(self) -> int:
        """The main process."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill its main process with SIGKILL: its others end by themselves, without a word to anybody.

        The dead one is reaped by its keeper at the end only, so the next one would take its locks for held.
        """
        kill(self.pid)
        until(lambda: not any(works_in(pid, self.folder / "data") for pid in all_pids()))
        for lock in (self.folder / "data" / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink()

    def start(self) -> None:
        """Start it again as it was; it replays its log first."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._again = subprocess.Popen(self._command, cwd=self.folder, **quiet, **self._owner)

    def stop(self) -> None:
        """End what `start` has started, before its folder goes."""
        if self._again is not None:
            self._again.send_signal(signal.SIGINT)
            self._again.wait(DEADLINE_S)


def all_pids() -> list[int]:
    """List every process of this machine."""
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process that lives has this as its working folder; of a dead one nothing can be read."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:
        return False


@pytest.fixture
def server(databases: Databases, transactional_db: None) -> Iterator[Server]:
    """A server of this test's own, with the tables; Django of this process asks it meanwhile."""
    with postgresql.running(fsync=True) as url:
        point_django_at(url)
        call_command("migrate", verbosity=0)
        server = Server(url)
        try:
            yield server
        finally:
            connection.close()
            server.stop()
            point_django_at(databases.current.url)


@pytest.fixture
def apart(server: Server, tmp_path: Path, photos: Path, settings: object) -> Iterator[Studio]:
    """An installation on that server; at the end nothing of it runs, whether the server is back or not."""
    studio = Studio(tmp_path, server.url, photos)
    settings.STOCKPROOF_VAR = studio.var
    yield studio
    studio.kill_everything()


@pytest.mark.vendor("postgresql")
@pytest.mark.parametrize("away_s", [2, pytest.param(10, marks=pytest.mark.long)])
def test_run_waits_and_completes_by_itself_when_postgresql_was_killed_and_is_back(
    server: Server, apart: Studio, undisturbed: str, away_s: float
) -> None:
    run = apart.process()
    until(lambda: ImageResult.objects.count() >= 10)

    server.kill()
    connection.close()
    # Here it is time itself that is tested.
    time.sleep(away_s)
    server.start()
    until(answers)

    assert run.end() == 0, run.log()
    assert_exact(apart, undisturbed)
    assert (Crash.objects.count(), RecoveryAttempt.objects.count()) == (0, 0)
    assert Worker.objects.living().count() == 0


def crash_server() -> None:
    """Kill a process of the server: it then ends every connection at once, and replays its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'")
        pid = cursor.fetchone()[0]
    assert kill(pid) is True
    connection.close()
    until(answers)


def answers() -> bool:
    """Whether a server answers that is not the one about to end: its writer has another process."""
    try:
        return Batch.objects.exists()
    except OperationalError:
        connection.close()
        return False
