"""One session."""

import pytest
from django.core.management.base import CommandError

from processing.management.failures import NotFound
from processing.models import ProcessingSession, SkippedEntry
from processing.models.skipped import SkipReason
from processing.states import Stage
from recovery.models import CrashType
from tests.commands.running import run, run_until_printed
from tests.factories import make_crash, make_session, make_worker

KEYS = [
    "type",
    "session",
    "status",
    "processed",
    "total",
    "approved",
    "rejected",
    "failed",
    "skipped",
    "rate_per_s",
    "eta_s",
    "name",
    "source",
    "preset",
    "created_at",
    "workers",
    "last_crash",
]
CRASH_KEYS = [
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


@pytest.mark.django_db
def test_session_prints_its_workers_and_its_last_crash_when_asked_for_json() -> None:
    session = make_session()
    parent = make_worker()
    worker = make_worker(
        parent=parent, lane_session=session, device="cuda:0", telemetry={"photo": "a/b.jpg", "rate_per_s": 2}
    )
    make_worker(parent=parent)
    make_crash(worker=parent, session=session, detected_at="2026-01-01T00:00:00Z")
    crash = make_crash(
        worker=parent,
        session=session,
        crash_type=CrashType.OUT_OF_MEMORY,
        probabilities={"out_of_memory": 0.75},
        evidence=["The kernel said so."],
        photo="a/a.jpg",
        detected_at="2026-01-02T00:00:00Z",
    )

    (printed,) = run("session", str(session.pk), "--json").objects

    assert list(printed) == KEYS
    heartbeat_age_s = printed["workers"][0].pop("heartbeat_age_s")
    assert 0 <= heartbeat_age_s < 60
    assert printed["workers"] == [
        {"worker": worker.token, "host": "atelier", "pid": worker.pid, "device": "cuda:0", "photo": "a/b.jpg"}
    ]
    assert list(printed["last_crash"]) == CRASH_KEYS
    assert printed["last_crash"] == {
        "type": "crash",
        "crash": str(crash.pk),
        "session": str(session.pk),
        "crash_type": "out_of_memory",
        "confidence": 0.75,
        "probabilities": {"out_of_memory": 0.75},
        "evidence": ["The kernel said so."],
        "photo": "a/a.jpg",
        "detected_at": "2026-01-02T00:00:00Z",
        "can_recover": False,
    }


@pytest.mark.django_db
def test_session_is_found_by_a_unique_prefix_when_its_id_is_not_whole() -> None:
    session = make_session()

    (printed,) = run("session", str(session.pk)[:12], "--json").objects

    assert printed["session"] == str(session.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["latest", "abcdef", "ab", "nonsense", "", "\udcff"])
def test_session_is_not_found_when_there_is_none(name: str) -> None:
    with pytest.raises(NotFound) as refused:
        run("session", name)

    assert (refused.value.returncode, refused.value.code) == (4, "not_found")


@pytest.mark.django_db
def test_session_prints_lines_for_people_when_nobody_asked_for_json() -> None:
    session = make_session(total=8, name="Cliffs\x1b[31m")
    make_worker(parent=make_worker(), lane_session=session, telemetry={"rate_per_s": 2, "photo": "a.jpg"})

    lines = run("session", "latest").out.splitlines()

    assert lines[:3] == [
        "running: 0/8 photos, 0 approved, 0 rejected, 0 failed, 2.0 photos/s, 4 s left",
        f"session:     {session.pk}",
        "name:        Cliffs\\x1b[31m",
    ]
    assert lines[-1].split()[-1] == "a.jpg"


@pytest.mark.django_db
def test_session_lists_what_the_scan_left_out_when_asked() -> None:
    session = make_session()
    for path, reason in ((b"b/link.jpg", SkipReason.LINK), (b"a/\xff", SkipReason.UNREADABLE_FOLDER)):
        SkippedEntry.objects.create(session=session, path=path, path_text="", reason=reason)
    SkippedEntry.objects.create(session=make_session(), path=b"x", path_text="x", reason=SkipReason.FIFO)

    objects = run("session", str(session.pk), "--skipped", "--json").objects
    lines = run("session", str(session.pk), "--skipped").out.splitlines()

    assert [list(one) for one in objects] == [["type", "path", "reason"]] * 2
    assert objects == [
        {"type": "skipped", "path": "b/link.jpg", "reason": "link"},
        {"type": "skipped", "path": "a/\\xff", "reason": "unreadable_folder"},
    ]
    assert lines == ["link               b/link.jpg", "unreadable_folder  a/\\xff"]


@pytest.mark.django_db(transaction=True)
def test_session_is_watched_until_it_is_finished_when_asked() -> None:
    session = make_session(stage=Stage.COMPARING, total=0)

    def finish() -> None:
        ProcessingSession.objects.get(pk=session.pk).complete({})

    printed, was_finished = run_until_printed("session", "latest", "--watch", "--json", then=finish)

    assert was_finished
    assert [one["status"] for one in printed.objects] == ["comparing", "completed"]
    assert {tuple(one) for one in printed.objects} == {tuple(KEYS)}


def test_session_refuses_watch_and_skipped_when_both_are_asked() -> None:
    with pytest.raises(CommandError) as refused:
        run("session", "latest", "--watch", "--skipped")

    assert str(refused.value) == "Error: argument --skipped: not allowed with argument --watch"
