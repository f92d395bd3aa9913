"""One process's presence, and how another judges whether it lives."""

import errno
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.db.models import F
from pytest_django import Settings

from processing import recorder, worker
from processing.models import Worker
from processing.vitals import Vitals, read_vitals
from processing.worker import DEATH_GRACE_S, ENDING, SILENT_BEATS, Presence, Watch
from tests.clocks import Clock, clock, presence
from tests.commands.processes import make_dead
from tests.factories import make_batch, make_session, make_worker

__all__ = ["clock", "presence"]
pytestmark = pytest.mark.django_db

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path
    settings.HEARTBEAT_S = 2
    settings.CRASH_DETECTION_TIMEOUT_S = 300


def fall_silent(one: Worker, silent_s: float) -> None:
    """Let the last beat lie back so long, by the database's clock."""
    Worker.objects.filter(pk=one.pk).update(heartbeat_at=F("heartbeat_at") - timedelta(seconds=silent_s))


def dead_after(watch: Watch, clock: Clock, elapsed_s: float) -> list[Worker]:
    """Look once more, so long after the last look."""
    clock.now_s += elapsed_s
    return watch.find_dead()


def test_far_process_is_dead_when_it_is_silent_by_the_database_and_over_three_beats(clock: Clock) -> None:
    far = make_worker(host="elsewhere")
    fall_silent(far, 301)
    watch = Watch()

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, SILENT_BEATS * 2 - 0.1, 0.2)]

    assert looks == [[], [], [far]]


def test_far_process_lives_while_its_beat_number_moves_though_the_clock_has_jumped(clock: Clock) -> None:
    far = make_worker(host="elsewhere")
    watch = Watch()
    looks = []

    for _ in range(5):
        Worker.objects.filter(pk=far.pk).update(beat=F("beat") + 1)
        fall_silent(far, 10_000)
        looks.append(dead_after(watch, clock, 5.9))

    assert looks == [[]] * 5


def test_far_process_lives_while_the_database_saw_it_lately_though_its_beat_number_stands(
    clock: Clock,
) -> None:
    far = make_worker(host="elsewhere")
    fall_silent(far, 250)
    watch = Watch()

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, 10_000)]

    assert looks == [[], []]


def test_parent_of_this_host_is_dead_at_once_when_its_lock_is_free() -> None:
    dead = make_dead()

    assert Watch().find_dead() == [dead]


def test_process_of_this_host_lives_while_it_holds_its_lock_however_silent_it_is(
    clock: Clock, presence: Presence
) -> None:
    fall_silent(presence.row, 10_000)
    watch = Watch()

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, 10_000)]

    assert looks == [[], []]


def test_process_of_this_host_is_judged_by_silence_when_its_recorder_is_missing(clock: Clock) -> None:
    own = make_worker(host=worker.socket.gethostname(), token=uuid4().hex)
    watch = Watch()
    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, 100)]

    fall_silent(own, 301)

    assert [*looks, dead_after(watch, clock, 0)] == [[], [], [own]]


@pytest.mark.parametrize(("boot", "dead_count"), [("an earlier boot", 1), ("", 0), (None, 0)])
def test_process_of_an_earlier_boot_is_dead_after_three_beats_though_its_recorder_is_gone(
    clock: Clock, boot: str | None, dead_count: int
) -> None:
    boot_id = worker.boot_id() if boot is None else boot
    own = make_worker(host=worker.socket.gethostname(), boot_id=boot_id)
    watch = Watch()
    fall_silent(own, SILENT_BEATS * 2 + 1)

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, SILENT_BEATS * 2 - 0.1, 0.2)]

    assert looks == [[], [], [own] * dead_count]


def test_worker_is_dead_after_a_grace_when_its_parent_lives(clock: Clock) -> None:
    dead = make_dead(parent=make_worker())
    watch = Watch()

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, DEATH_GRACE_S - 0.1, 0.2)]

    assert looks == [[], [], [dead]]


def test_dead_parent_is_found_without_its_workers_since_it_takes_them_along(clock: Clock) -> None:
    parent = make_dead()
    make_dead(parent=parent)
    watch = Watch()

    looks = [dead_after(watch, clock, elapsed_s) for elapsed_s in (0, 2 * DEATH_GRACE_S)]

    assert looks == [[parent], [parent]]


def test_process_never_finds_itself_dead() -> None:
    own = make_dead()

    assert Watch().find_dead(own) == []


def test_row_keeps_what_all_batches_took_when_the_process_has_ended(presence: Presence) -> None:
    presence.account(worked_s=10.0, commit_s=0.5)
    presence.commits_count = 3
    presence.account(worked_s=5.0, commit_s=0.25)

    presence.end()

    telemetry = Worker.objects.get(pk=presence.row.pk).telemetry
    assert (telemetry["worked_s"], telemetry["commit_s"], telemetry["commits_count"]) == (15.0, 0.75, 3)


def test_beat_counts_and_says_what_the_process_does(presence: Presence) -> None:
    presence.telemetry["photo"] = "a.jpg"

    presence.beat()
    presence.beat()

    row = Worker.objects.get(pk=presence.row.pk)
    assert (row.beat, row.telemetry["photo"], row.telemetry["rss_bytes"] > 0) == (2, "a.jpg", True)
    assert not presence.wants_to_stop


def test_vitals_of_the_last_beat_are_kept_in_the_row_and_in_the_recorder(
    presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_start = Worker.objects.get(pk=presence.row.pk).telemetry["vitals"]
    later = Vitals(own_oom=7, host_oom=9)
    monkeypatch.setattr(worker, "read_vitals", lambda: later)

    presence.beat()

    row = Worker.objects.get(pk=presence.row.pk)
    flight = recorder.read_flight(presence.recorder.token)
    assert at_start["host_oom"] == read_vitals().host_oom
    assert row.telemetry["vitals"] == flight.vitals == later.as_facts()
    assert flight.extra["rss_bytes"] == row.telemetry["rss_bytes"]


def test_process_looks_more_often_than_it_beats_when_asked_to(
    presence: Presence, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HEARTBEAT_S = 2
    waits = Waits(10)
    monkeypatch.setattr(presence, "_over", waits)
    monkeypatch.setattr(worker, "connection", SimpleNamespace(close=lambda: None))
    looks: list[int] = []

    presence._beat_until_over(lambda: looks.append(1), 0.4)

    presence.row.refresh_from_db()
    assert (waits.asked_s, len(looks), presence.row.beat) == ([0.4] * 11, 10, 2)


@pytest.mark.parametrize("error", [OperationalError("gone"), OSError(errno.ENOSPC, "no room")])
def test_process_waits_a_beat_when_the_database_or_its_own_disk_does_not_answer(
    presence: Presence, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    waits = Waits(2)
    monkeypatch.setattr(presence, "_over", waits)

    def fail() -> None:
        raise error

    monkeypatch.setattr(worker, "connection", SimpleNamespace(close=lambda: None))
    presence._beat_until_over(fail, 0.4)

    assert waits.asked_s == [0.4, 2, 2]


class Waits:
    """Stands for the wish to end: notes how long each wait would be, until they are over."""

    def __init__(self, number: int) -> None:
        """Be asked so often in vain."""
        self.left, self.asked_s = number, []

    def wait(self, timeout_s: float) -> bool:
        """Say whether they are over."""
        self.asked_s.append(timeout_s)
        self.left -= 1
        return self.left < 0

    def set(self) -> None:
        """Say nothing: the process ends here anyway."""


def test_error_that_ends_the_process_is_written_down_and_goes_on_its_way(presence: Presence) -> None:
    with pytest.raises(ValueError, match="nobody expected"), presence.last_words():
        raise ValueError("nobody expected this")

    flight = recorder.read_flight(presence.recorder.token)
    assert (flight.last_error, flight.error["types"], flight.error["fatal"]) == (
        "nobody expected this",
        ["ValueError"],
        True,
    )


def test_process_says_that_it_is_ending_before_it_asks_the_database(
    presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_worker: Worker, _telemetry: dict[str, object]) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(Worker, "end", fail)

    with pytest.raises(OperationalError):
        presence.end()

    flight = recorder.read_flight(presence.recorder.token)
    monkeypatch.undo()
    assert flight.phase == ENDING


def test_beat_says_that_work_must_be_dropped_when_the_process_was_buried(presence: Presence) -> None:
    presence.row.end()

    presence.beat()

    assert (presence.buried.is_set(), presence.wants_to_stop) == (True, True)


def test_clean_end_is_marked_and_the_recorder_taken_away(presence: Presence) -> None:
    presence.end()

    row = Worker.objects.get(pk=presence.row.pk)
    assert (row.ended_at is None, recorder.path_of(row.token).exists()) == (False, False)


def test_worker_gives_its_own_batch_back_when_it_ends(presence: Presence) -> None:
    session = make_session()
    own = make_batch(session=session, worker=presence.row)
    other = make_batch(session=session, worker=make_worker())

    presence.end()

    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.status, own.worker, own.lease) == ("queued", None, 1)
    assert other.status == "leased"


def test_row_is_asked_for_in_vain_before_the_process_is_registered() -> None:
    presence = Presence()

    with pytest.raises(RuntimeError, match="call register first"):
        assert presence.row
    presence.recorder.close()
