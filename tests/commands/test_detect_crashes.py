"""Finding crashes by command: who is dead is judged first, then what is open is listed."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db.models.functions import Now
from pytest_django import Settings

from processing.models import Worker
from processing.states import Hold, Stage
from processing.worker import SILENT_BEATS, Presence
from recovery.models import Crash
from tests.commands.processes import make_dead
from tests.commands.running import run
from tests.factories import make_batch, make_crash, make_session, make_worker

pytestmark = pytest.mark.django_db

KEYS = [
    "type",
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
def _house(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path
    settings.HEARTBEAT_S = 0.2


def silent_worker(silent_s: float) -> Worker:
    """Make a parent of another machine that was last heard of so long ago."""
    return make_worker(host="elsewhere", heartbeat_at=Now() - timedelta(seconds=silent_s))


def test_crash_is_found_judged_and_printed_when_a_parent_has_died() -> None:
    session = make_session()
    make_batch(session=session)
    session.started_at = session.created_at
    parent = make_dead(serves=session)

    (printed,) = run("detect_crashes", "--json").objects

    crash = Crash.objects.get()
    assert list(printed) == KEYS
    assert printed["crash"] == str(crash.pk)
    assert (printed["session"], printed["crash_type"], printed["can_recover"]) == (
        str(session.pk),
        "unknown",
        False,
    )
    assert printed["confidence"] == max(printed["probabilities"].values())
    assert f"The parent process {parent.pid}" in printed["evidence"][0]


def test_crashes_that_nobody_dealt_with_are_listed_the_newest_first() -> None:
    worker, latched = make_worker(), make_session()
    latched.latch()
    old = make_crash(worker=worker, session=latched, detected_at=Now() - timedelta(hours=1))
    new = make_crash(worker=worker)
    make_crash(worker=worker, session=latched, closed_at=Now())
    for finished in (make_session(stage=Stage.COMPLETED), make_session(hold=Hold.CANCELLED)):
        make_crash(worker=worker, session=finished)

    printed = run("detect_crashes", "--json").objects

    assert [(one["crash"], one["can_recover"]) for one in printed] == [
        (str(new.pk), False),
        (str(old.pk), True),
    ]


def test_silent_process_of_another_machine_is_watched_over_three_beats_and_buried(settings: Settings) -> None:
    far = silent_worker(120)
    begun = time.monotonic()

    (printed,) = run("detect_crashes", "--timeout", "60", "--json").objects

    assert time.monotonic() - begun >= SILENT_BEATS * settings.HEARTBEAT_S
    assert Crash.objects.get(pk=printed["crash"]).worker == far
    assert printed["crash_type"] == "unknown"


def test_nobody_is_waited_for_when_nobody_is_suspected(settings: Settings) -> None:
    settings.HEARTBEAT_S = 100
    silent_worker(50)
    presence = Presence()
    presence.register()
    Worker.objects.filter(pk=presence.row.pk).update(heartbeat_at=Now() - timedelta(hours=2))
    begun = time.monotonic()

    printed = run("detect_crashes", "--timeout", "60")
    presence.end()

    assert time.monotonic() - begun < SILENT_BEATS * settings.HEARTBEAT_S
    assert (printed.out, printed.err) == ("", "There is no crash that nobody has dealt with.\n")


def test_dead_worker_of_a_living_parent_is_buried_after_its_grace() -> None:
    dead = make_dead(parent=make_worker())

    (printed,) = run("detect_crashes", "--json").objects

    assert Crash.objects.get(pk=printed["crash"]).worker == dead


def test_table_bears_no_figure_when_the_cause_is_unknown() -> None:
    session = make_session()
    session.latch()
    crash = make_crash(
        worker=make_worker(),
        session=session,
        crash_type="unknown",
        probabilities={"unknown": 0.82},
        photo="a.jpg",
    )

    lines = run("detect_crashes").out.splitlines()

    assert lines[1].split()[:5] == [str(crash.pk), str(session.pk), "unknown", "-", "a.jpg"]


def test_table_tells_people_the_cause_the_evidence_and_what_to_do() -> None:
    session = make_session()
    session.latch()
    crash = make_crash(
        worker=make_worker(),
        session=session,
        crash_type="out_of_memory",
        probabilities={"out_of_memory": 0.93, "unknown": 0.07},
        evidence=["It was killed.", "There was no memory."],
        photo="a/1.jpg",
    )

    lines = run("detect_crashes").out.splitlines()

    assert lines[0].split() == ["CRASH", "SESSION", "CAUSE", "SURE", "PHOTO", "DETECTED", "RECOVERABLE"]
    assert lines[1].split()[:6] == [str(crash.pk), str(session.pk), "out", "of", "memory", "93%"]
    assert (lines[1].split()[6], lines[1].split()[-1]) == ("a/1.jpg", "yes")
    assert lines[2:] == [
        "",
        str(crash.pk),
        "  It was killed.",
        "  There was no memory.",
        f"  `manage.py recover {session.pk}` lets the session go on.",
    ]


@pytest.mark.parametrize("text", ["soon", "-1", "86401", "nan"])
def test_timeout_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=f"'{text}' is not"):
        run("detect_crashes", "--timeout", text)
