"""Who is noticed dead, how soon, and who never is: not by a clock that jumps, nor by a web server that restarts."""

import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Q

from processing import worker
from processing.models import ImageResult, Worker
from processing.states import Status
from processing.worker import SILENT_BEATS, Watch
from recovery import detection
from recovery.models import Crash
from tests.crash.causes import Hospital, opened
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, kill, until
from tests.crash.test_parent_deaths import free_port
from tests.crash.test_storm import tell

pytestmark = pytest.mark.kill

NOTICED_S = 2.0
BEAT_S = 0.2
JUMP = timedelta(hours=2)


def time_until_buried(row: Worker, look: Callable[[], None] = lambda: None) -> float:
    """Give the seconds until a row has ended."""

    def is_buried() -> bool:
        look()
        return Worker.objects.get(pk=row.pk).ended_at is not None

    begun = time.monotonic()
    until(is_buried)
    return time.monotonic() - begun


def test_killed_worker_is_noticed_within_2_seconds_whoever_is_left(studio: Studio) -> None:
    parent = studio.start("workers", "--workers", "2")
    until(lambda: len(studio.laborers()) == 2)
    delays_s = {}

    victim = studio.laborers()[0]
    kill(victim.pid)
    delays_s["another worker"] = time_until_buried(victim)
    until(lambda: len(studio.laborers()) == 2)
    victims = studio.laborers()
    kill(studio.clusters()[0])
    delays_s["the parent alone"] = max(time_until_buried(victim) for victim in victims)
    row = Worker.objects.living().parents().get(pid=parent.pid)
    studio.signal_everything(signal.SIGKILL)
    delays_s["a reader of the status"] = time_until_buried(row, detection.look)

    tell(f"noticed after, with nobody left but: {delays_s}")
    assert max(delays_s.values()) < NOTICED_S, delays_s


@pytest.mark.vendor("sqlite")
def test_killed_web_server_is_started_again_and_the_work_does_not_notice(
    studio: Studio, undisturbed: str
) -> None:
    studio.process("--detach").end()
    address = f"127.0.0.1:{free_port()}"
    serve = studio.start("serve", "--bind", address, "--workers", "2")
    until(ImageResult.objects.exists)

    (web,) = until(studio.webs)
    kill(web)
    until(lambda: set(studio.webs()) - {web})
    until(lambda: studio.session().status == Status.COMPLETED)

    assert until(lambda: is_served(f"http://{address}/login/"))
    serve.send(signal.SIGTERM)
    assert serve.end() == 0, serve.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.count() == 0


def is_served(url: str) -> bool:
    """Whether a page is served; a server that only starts refuses."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own server
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def far_away(
    tmp_path: Path,
    transactional_db: None,
    database_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Hospital]:
    """A state folder whose processes count as another machine's for this test."""
    settings.STOCKPROOF_VAR, settings.HEARTBEAT_S = tmp_path / "var", BEAT_S
    with opened(tmp_path, database_url, VICTIM_HEARTBEAT_S=str(BEAT_S)) as hospital:
        monkeypatch.setattr(worker.socket, "gethostname", lambda: "elsewhere")
        yield hospital


def watched(hospital: Hospital, row: Worker, *, jump: timedelta) -> list[Worker]:
    """Watch the others over many beats of one, each look just after the database's clock has jumped."""
    watch, found = Watch(), []

    def has_beaten_long() -> bool:
        row.refresh_from_db()
        Worker.objects.filter(pk=row.pk, heartbeat_at__isnull=False).update(
            heartbeat_at=F("heartbeat_at") - jump
        )
        found.extend(watch.find_dead(hospital.parent))
        return row.beat > 4 * SILENT_BEATS

    until(has_beaten_long)
    return found


@pytest.mark.parametrize("jump", [JUMP, -JUMP], ids=["forward", "back"])
def test_process_of_another_machine_lives_while_it_beats_however_the_clock_jumps(
    far_away: Hospital, jump: timedelta
) -> None:
    far = far_away.admit("wait", "beat")

    found = watched(far_away, far.row, jump=jump)

    assert found == []
    assert far.process.poll() is None


def test_process_of_another_machine_is_noticed_when_it_was_killed_though_the_clock_has_jumped(
    far_away: Hospital,
) -> None:
    far = far_away.admit("wait", "beat")
    watch = Watch()
    far.get(signal.SIGKILL)
    Worker.objects.filter(pk=far.row.pk).update(heartbeat_at=F("heartbeat_at") - JUMP)

    elapsed_s = time_until_buried(far.row, lambda: detection.look(far_away.parent, watch))

    assert elapsed_s >= SILENT_BEATS * BEAT_S
    assert Crash.objects.get().worker == far.row


@contextmanager
def jumping_clock() -> Iterator[Callable[[timedelta], None]]:
    """Put a clock that can jump into PostgreSQL's place of its own, for every connection that is made from now on.

    Schemas before `pg_catalog` in the search path win, so all of Stockproof's `Now()` ask it.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA clock")
        cursor.execute("CREATE TABLE clock.jump AS SELECT interval '0' AS jump")
        cursor.execute(
            "CREATE FUNCTION clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS "
            "'SELECT pg_catalog.statement_timestamp() + jump FROM clock.jump'"
        )
        cursor.execute("ALTER DATABASE postgres SET search_path = clock, pg_catalog, public")
    connection.close()
    try:
        yield jump_by
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER DATABASE postgres RESET search_path")
            cursor.execute("DROP SCHEMA clock CASCADE")
        connection.close()


def jump_by(jump: timedelta) -> None:
    """Set how far the database's clock is off."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clock.jump SET jump = %s", [jump])


@pytest.mark.vendor("postgresql")
def test_run_is_undisturbed_and_nobody_is_buried_when_the_databases_clock_jumps_by_2_hours(
    studio: Studio, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    far_off = Q(heartbeat_at__gt=F("started_at") + JUMP / 2) | Q(heartbeat_at__lt=F("started_at") - JUMP / 2)
    with jumping_clock() as jump_to:
        run = studio.process()
        until(ImageResult.objects.exists)
        # From here on this process is another machine, which sees beats only.
        monkeypatch.setattr(worker.socket, "gethostname", lambda: "elsewhere")
        jumps = iter([JUMP, -JUMP] * 1000)

        def has_ended() -> bool:
            jump_to(next(jumps))
            detection.look(watch=watch)
            return run.process.poll() is not None

        until(has_ended)
        assert run.end() == 0, run.log()
        assert_exact(studio, undisturbed)
        assert Crash.objects.count() == 0
        assert Worker.objects.filter(far_off).exists()
