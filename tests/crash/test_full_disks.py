"""The disk of the database is full: the run waits, or is ended and recovered, and goes on from the exact photo."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from processing.models import ImageResult
from tests.crash.places import NotToBeHad, fill, own_disk
from tests.crash.power import Server
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, until
from tests.crash.test_database_trouble import answers
from tests.crash.test_power_cuts import open_folder
from tests.crash.test_trouble import assert_waited_and_went_on, stored
from tests.databases import Databases, point_django_at

__all__ = ["open_folder"]
pytestmark = pytest.mark.kill

DISK_MB = {"sqlite": 48, "postgresql": 96}
LOG_DISK_MB = 128
REFUSALS = {"sqlite": "database or disk is full", "postgresql": "No space left on device"}
WAITING = "commit failed, waiting"


@dataclass
class Cellar:
    """An installation whose database lies on a small disk; PostgreSQL's log lies on another one."""

    studio: Studio
    disk: Path
    log_disk: Path
    server: Server | None


@pytest.fixture
def cellar(
    databases: Databases,
    transactional_db: None,
    tmp_path: Path,
    open_folder: Path,
    photos: Path,
    settings: object,
) -> Iterator[Cellar]:
    """A small disk with a migrated database; Django of this process reads it meanwhile."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(own_disk(open_folder / "disk", DISK_MB[connection.vendor]))
            log_disk = stack.enter_context(own_disk(open_folder / "log", LOG_DISK_MB))
        except NotToBeHad as reason:
            pytest.skip(str(reason))
        server = stack.enter_context(serving(disk, open_folder, log_disk)) if is_postgresql() else None
        url = f"sqlite:///{disk / 'stockproof.sqlite3'}" if server is None else server.url
        studio = Studio(tmp_path, url, photos)
        settings.STOCKPROOF_VAR = studio.var
        stack.callback(point_django_at, databases.current.url)
        stack.callback(studio.kill_everything)
        point_django_at(url)
        call_command("migrate", verbosity=0)
        connection.close()  # So the log of what was written begins anew, with no room of its own.
        yield Cellar(studio, disk, log_disk, server)


def is_postgresql() -> bool:
    """Whether this test is PostgreSQL's."""
    return connection.vendor == "postgresql"


@contextmanager
def serving(disk: Path, folder: Path, log_disk: Path) -> Iterator[Server]:
    """Have a server on these disks; at the end it has no file open on them."""
    server = Server(disk, folder, log_disk)
    try:
        yield server
    finally:
        server.kill()


def test_run_waits_and_goes_on_by_itself_when_the_disk_is_full(cellar: Cellar, undisturbed: str) -> None:
    run = cellar.studio.process()
    until(ImageResult.objects.exists)

    ballast = fill(cellar.disk)
    until(lambda: WAITING in run.log())

    kept = stored()
    assert REFUSALS[connection.vendor] in run.log()
    assert run.process.poll() is None
    ballast.unlink()
    assert_waited_and_went_on(run, cellar.studio, undisturbed, kept)


@pytest.mark.long
def test_recovery_goes_on_from_the_photo_when_everything_was_killed_at_a_full_disk(
    cellar: Cellar, undisturbed: str
) -> None:
    run = cellar.studio.process()
    until(ImageResult.objects.exists)
    ballast = fill(cellar.disk)
    until(lambda: WAITING in run.log())

    cellar.studio.signal_everything(signal.SIGKILL)
    run.end()
    kept = stored()
    ballast.unlink()
    recovery = cellar.studio.recover().lines("recovery")[0]

    assert_exact(cellar.studio, undisturbed)
    assert (recovery["keep"], recovery["redo"], kept <= stored()) == (len(kept), 0, True)


@pytest.mark.vendor("postgresql")
def test_run_waits_and_goes_on_by_itself_when_the_disk_of_postgresqls_log_is_full(
    cellar: Cellar, undisturbed: str
) -> None:
    run = cellar.studio.process()
    until(lambda: ImageResult.objects.count() >= 10)

    ballast = fill(cellar.log_disk)
    until(lambda: not fills_log())
    until(lambda: "waiting" in run.log())

    assert run.process.poll() is None
    ballast.unlink()
    until(lambda: is_back(cellar.server))
    assert_waited_and_went_on(run, cellar.studio, undisturbed, stored())


def is_back(server: Server) -> bool:
    """Whether the server answers; one that could not even replay its log is started again, as a person would."""
    if server.has_ended:
        server.kill()
        server.start()
    return answers()


def fills_log() -> bool:
    """Begin a new file of PostgreSQL's log; False once it has no room, which ends all of its connections."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, 'room', 'is taken'), pg_switch_wal()")
    except OperationalError:
        connection.close()
        return False
    return True
