"""Disk, database or program fail under the run: it waits or fails, says why, and goes on from the exact photo."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from processing.models import ImageResult
from processing.states import Status
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_emergency_told, assert_exact
from tests.crash.studio import Run, Studio, until
from tests.crash.victim import Deed

pytestmark = pytest.mark.kill

FILE_BYTES_MAX = 96 * 1024


def stored() -> set[int]:
    """Give the keys of all results."""
    return set(ImageResult.objects.values_list("pk", flat=True))


def assert_waited_and_went_on(run: Run, studio: Studio, expected: str, kept: set[int]) -> None:
    """Assert that a run has completed by itself, without a death, a recovery or a photo done twice."""
    assert run.end() == 0, run.log()
    assert_exact(studio, expected)
    assert kept <= stored()
    assert run.lines("summary")[0]["analysed_twice"] == 0
    assert (Crash.objects.count(), RecoveryAttempt.objects.count()) == (0, 0)


@pytest.mark.vendor("sqlite")
def test_session_fails_and_goes_on_from_the_photo_when_a_worker_met_an_unexpected_error(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process(plan=[Deed("processing.runner.judge_photos", "before", 9, "error")])

    exit_code = run.end()

    session, kept = studio.session(), stored()
    assert (exit_code, session.status) == (1, Status.FAILED), run.log()
    assert session.last_error == "KeyError: 'nobody expected this'"
    assert_emergency_told(studio, session)
    recovery = studio.recover().lines("recovery")[0]
    assert_exact(studio, undisturbed)
    assert (recovery["keep"], recovery["redo"], kept <= stored()) == (len(kept), 0, True)
    assert Crash.objects.count() == 0


@pytest.mark.vendor("sqlite")
def test_run_waits_and_goes_on_by_itself_when_nothing_can_be_written(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process()
    until(ImageResult.objects.exists)

    limit_files(studio, FILE_BYTES_MAX)
    until(lambda: "commit failed, waiting" in run.log())

    kept = stored()
    assert "disk I/O error" in run.log()
    assert run.process.poll() is None
    limit_files(studio, resource.RLIM_INFINITY)
    assert_waited_and_went_on(run, studio, undisturbed, kept)


def limit_files(studio: Studio, size_bytes: int) -> None:
    """Let the system refuse what would make a file longer; the log of an SQLite database soon is longer."""
    for pid in studio.processes():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def test_run_waits_and_goes_on_by_itself_when_the_database_is_read_only(
    studio: Studio, undisturbed: str, tmp_path: Path
) -> None:
    marker = tmp_path / "read-only"
    run = studio.process(VICTIM_READ_ONLY=str(marker))
    until(ImageResult.objects.exists)

    with read_only(marker):
        until(lambda: "commit failed, waiting" in run.log())

        kept = stored()
        refusal = "readonly database" if connection.vendor == "sqlite" else "read-only transaction"
        assert refusal in run.log()
        assert run.process.poll() is None

    assert_waited_and_went_on(run, studio, undisturbed, kept)


@contextmanager
def read_only(marker: Path) -> Iterator[None]:
    """Let the database refuse every write, in connections that are open too; SQLite does it while a file is there."""
    marker.touch()
    _tell_server("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        marker.unlink()
        _tell_server("RESET default_transaction_read_only")


def _tell_server(setting: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SYSTEM {setting}")
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()
