"""Looking buries who is dead, with a Crash for each session that was touched."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import recorder
from processing.models import Batch, Worker
from processing.recorder import Flight, FlightRecorder
from processing.states import Status
from processing.worker import DEATH_GRACE_S, Watch
from recovery.detection import bury, crash_of, last_crash_of, last_crashes_of, look
from recovery.models import Crash
from tests.commands.processes import make_dead
from tests.factories import make_batch, make_crash, make_session, make_worker

pytestmark = pytest.mark.django_db

CRASH_KEYS = [
    "crash",
    "session",
    "crash_type",
    "confidence",
    "probabilities",
    "evidence",
    "photo",
    "detected_at",
    "can_recover",
]


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path


def test_look_interrupts_the_session_whose_last_parent_died_and_says_why() -> None:
    session = make_session()
    parent = make_dead(serves=session)
    worker = make_dead(parent=parent)
    make_batch(session=session)
    held = Batch.objects.claim(session.pk, worker)
    assert held is not None

    look(watch=Watch())

    session.refresh_from_db()
    held.refresh_from_db()
    (crash,) = Crash.objects.order_by("pk")
    assert (session.status, held.status, held.lease) == (Status.INTERRUPTED, "queued", 2)
    assert Worker.objects.living().count() == 0
    assert (crash.session, crash.worker, crash.interrupts) == (session, parent, True)
    assert crash.evidence[:2] == [
        f"The parent process {parent.pid} on {parent.host} ended without saying so, and 1 of its workers with it.",
        "Nobody saw how it ended.",
    ]


def test_look_buries_nobody_twice() -> None:
    make_dead()

    look(watch=Watch())
    look(watch=Watch())

    assert Crash.objects.count() == 1


def test_look_removes_a_recorder_whose_process_was_killed_before_it_had_a_row() -> None:
    stray = make_dead()
    Worker.objects.filter(pk=stray.pk).delete()
    living = FlightRecorder()

    look(watch=Watch())

    left = [path.stem for path in recorder.folder().iterdir()]
    living.close()
    assert left == [living.token]


def test_look_takes_a_dead_workers_batch_over_without_a_latch_while_its_parent_lives() -> None:
    session = make_session()
    worker = make_dead(parent=make_worker(), lane_session=session)
    make_batch(session=session)
    Batch.objects.claim(session.pk, worker)
    watch = Watch()
    look(watch=watch)
    before = Crash.objects.count()
    watch._first_seen_dead[worker.pk] -= DEATH_GRACE_S

    look(watch=watch)

    session.refresh_from_db()
    (crash,) = Crash.objects.order_by("pk")
    assert (before, session.status, crash.session, crash.interrupts) == (0, Status.RUNNING, session, False)
    assert Batch.objects.takeable(session).count() == 1


def test_look_leaves_the_caller_alone() -> None:
    own = make_dead()

    look(own, Watch())

    assert Worker.objects.living().count() == 1


def test_crash_of_an_idle_parent_belongs_to_the_session_that_it_served() -> None:
    session = make_session()
    session.pause()
    parent = make_dead(serves=session)

    bury(parent, 70)

    session.refresh_from_db()
    (crash,) = Crash.objects.order_by("pk")
    assert (session.status, crash.session, crash.interrupts) == (Status.PAUSED, session, False)
    assert crash.evidence[1] == "It ended itself with exit code 70."


def test_crash_tells_the_last_error_the_photo_and_the_discarded_verdicts() -> None:
    session = make_session()
    worker = make_dead(parent=make_worker(), lane_session=session)
    make_batch(session=session)
    batch = Batch.objects.claim(session.pk, worker)
    assert batch is not None
    words = Flight(
        phase="analyze",
        batch=batch.pk,
        lease=batch.lease,
        positions=(2,),
        photo="a/2.jpg",
        uncommitted=(0, 1),
        last_error="Input/output error",
    )
    recorder.path_of(worker.token).write_text(as_json(words))

    bury(worker, -9)

    (crash,) = Crash.objects.order_by("pk")
    assert (crash.photo, crash.facts["batch"], crash.discarded_count) == ("a/2.jpg", batch.pk, 2)
    assert crash.evidence[1] == "It was ended by signal 9 (SIGKILL)."
    assert "Its last error, which it had overcome, was: Input/output error" in crash.evidence
    assert (crash.crash_type, crash.facts["last_error"], crash.facts["exit_code"]) == (
        "unknown",
        "Input/output error",
        -9,
    )
    assert sum(crash.probabilities.values()) == pytest.approx(1)


def test_crash_names_no_photo_of_another_session() -> None:
    parent = make_dead()
    sessions = [make_session(), make_session(), make_session()]
    for session, photo in zip(sessions, ("anna/1.jpg", "ben/2.jpg", ""), strict=True):
        worker = make_dead(parent=parent, lane_session=session)
        make_batch(session=session)
        Batch.objects.claim(session.pk, worker)
        words = Flight(phase="analyze", batch=session.pk.int % 1000, positions=(1,), photo=photo)
        recorder.path_of(worker.token).write_text(as_json(words))

    bury(parent, -9)

    crashes = {crash.session_id: (crash.photo, crash.interrupts) for crash in Crash.objects.order_by("pk")}
    batches = {crash.session_id: crash.facts["batch"] for crash in Crash.objects.order_by("pk")}
    assert [crashes[one.pk] for one in sessions] == [("anna/1.jpg", True), ("ben/2.jpg", True), ("", True)]
    assert [batches[one.pk] for one in sessions] == [*(one.pk.int % 1000 for one in sessions[:2]), None]


def as_json(flight: Flight) -> str:
    """Write a flight as its recorder does."""
    facts = asdict(flight)
    return json.dumps(facts | facts.pop("extra"))


def test_published_crash_has_its_keys_in_order() -> None:
    session = make_session()
    session.latch()
    crash = make_crash(worker=make_worker(), session=session)

    published = crash_of(crash)

    assert list(published) == CRASH_KEYS
    assert (published["session"], published["photo"], published["can_recover"]) == (
        str(session.pk),
        None,
        True,
    )
    assert published["detected_at"].endswith("Z")


@pytest.mark.parametrize("step", ["fail", "pause"])
def test_crash_of_a_held_session_can_be_recovered(step: str) -> None:
    session = make_session()
    {"fail": lambda: session.fail("The disk is full."), "pause": session.pause}[step]()

    published = crash_of(make_crash(worker=make_worker(), session=session))

    assert published["can_recover"] is True


def test_crash_can_not_be_recovered_when_its_session_goes_on_or_it_is_closed() -> None:
    running, latched = make_session(), make_session()
    latched.latch()
    taken_over = make_crash(worker=make_worker(), session=running)
    closed = make_crash(worker=make_worker(), session=latched, closed_at=latched.crashed_at)

    assert [crash_of(one)["can_recover"] for one in (taken_over, closed)] == [False, False]


def test_crash_of_a_process_alone_can_not_be_recovered() -> None:
    published = crash_of(make_crash(worker=make_worker()))

    assert (published["session"], published["can_recover"]) == (None, False)


def test_last_crash_is_the_newest_of_each_session() -> None:
    worker, sessions = make_worker(), [make_session() for _ in range(3)]
    for session in (sessions[0], sessions[1], sessions[0]):
        newest = make_crash(worker=worker, session=session)
        Crash.objects.exclude(pk=newest.pk).update(detected_at=session.created_at)

    found = last_crashes_of(sessions)

    assert set(found) == {sessions[0].pk, sessions[1].pk}
    assert (found[sessions[0].pk], last_crash_of(sessions[2])) == (newest, None)
