"""The database fails under the run: it waits, reads again what it is not sure of, and goes on by itself."""

import pytest
from django.db import OperationalError, connection

from processing.models import Batch, ImageResult
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, kill, until
from tests.crash.victim import Deed

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


def crash_server() -> None:
    """Kill a process of the server: it then ends every connection at once, and replays its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'")
        pid = cursor.fetchone()[0]
    assert kill(pid) is True
    connection.close()
    until(_answers)


def _answers() -> bool:
    """Whether a server answers that is not the one about to end: its writer has another process."""
    try:
        return Batch.objects.exists()
    except OperationalError:
        connection.close()
        return False
