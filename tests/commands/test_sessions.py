"""The list of sessions."""

from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.models import Worker
from processing.states import Hold, Stage, Status
from tests.commands.processes import make_dead
from tests.commands.running import run
from tests.factories import make_batch, make_session, make_worker

pytestmark = pytest.mark.django_db

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
    "last_crash",
]


def test_sessions_prints_the_whole_object_when_asked_for_json() -> None:
    session = make_session(
        total=100, processed=50, approved=30, rejected=16, unreadable=3, quarantined=1, skipped_count=2
    )
    make_batch(session=session, photos_count=4, processed=2, approved=1, rejected=1)
    parent = make_worker()
    for rate_per_s in (1.5, 2.5):
        make_worker(parent=parent, lane_session=session, telemetry={"rate_per_s": rate_per_s})

    (printed,) = run("sessions", "--json").objects

    assert list(printed) == KEYS
    assert printed == {
        "type": "session",
        "session": str(session.pk),
        "status": "running",
        "processed": 52,
        "total": 100,
        "approved": 31,
        "rejected": 17,
        "failed": 4,
        "skipped": 2,
        "rate_per_s": 4.0,
        "eta_s": 12.0,
        "name": "Holiday",
        "source": "/photos",
        "preset": "Adobe Stock",
        "created_at": session.created_at.isoformat().replace("+00:00", "Z"),
        "last_crash": None,
    }


def test_sessions_come_newest_first_and_no_more_than_the_limit_when_there_are_more() -> None:
    sessions = [make_session(name=f"number {number}") for number in range(3)]

    printed = run("sessions", "--json", "--limit", "2").objects

    newest = sorted(sessions, key=lambda one: (one.created_at, one.pk), reverse=True)
    assert [one["session"] for one in printed] == [str(session.pk) for session in newest[:2]]


@pytest.mark.parametrize(
    ("status", "columns"),
    [
        (Status.SCANNING, {"stage": Stage.SCANNING}),
        (Status.RUNNING, {"stage": Stage.RUNNING}),
        (Status.COMPARING, {"stage": Stage.COMPARING}),
        (Status.COMPLETED, {"stage": Stage.COMPLETED}),
        (Status.PAUSED, {"stage": Stage.RUNNING, "hold": Hold.PAUSED}),
        (Status.FAILED, {"stage": Stage.SCANNING, "hold": Hold.FAILED}),
        (Status.CANCELLED, {"stage": Stage.COMPARING, "hold": Hold.CANCELLED}),
        (Status.INTERRUPTED, {"stage": Stage.RUNNING, "crashed_at": "2026-01-01T00:00:00Z"}),
    ],
)
def test_sessions_are_filtered_by_published_status_when_asked(
    status: Status, columns: dict[str, Any]
) -> None:
    make_session(stage=Stage.SCANNING)
    make_session(stage=Stage.RUNNING)
    make_session(stage=Stage.COMPARING)
    make_session(stage=Stage.COMPLETED)
    make_session(hold=Hold.PAUSED)
    make_session(hold=Hold.FAILED)
    make_session(hold=Hold.CANCELLED)
    make_session(crashed_at="2026-01-01T00:00:00Z")
    expected = make_session(name="this one", **columns)

    printed = run("sessions", "--json", "--status", status.value).objects

    assert {one["status"] for one in printed} == {status.value}
    assert len(printed) == 2
    assert str(expected.pk) in [one["session"] for one in printed]


def test_sessions_costs_the_same_number_of_queries_when_there_are_more() -> None:
    make_session()
    with CaptureQueriesContext(connection) as one:
        run("sessions", "--json")
    make_session()
    make_session()

    with CaptureQueriesContext(connection) as three:
        run("sessions", "--json")

    assert len(three) == len(one)


def test_sessions_buries_the_dead_before_it_reads_a_status() -> None:
    session = make_session(started_at="2026-01-01T00:00:00Z")
    parent = make_dead(serves=session)

    (printed,) = run("sessions", "--json").objects

    assert (printed["status"], printed["last_crash"]["type"]) == ("interrupted", "crash")
    assert printed["last_crash"]["can_recover"] is True
    assert not Worker.objects.living().filter(pk=parent.pk).exists()


def test_sessions_prints_a_plain_table_when_nobody_asked_for_json() -> None:
    session = make_session(name="Cliffs [red]", total=8)

    lines = run("sessions").out.splitlines()

    created_at = session.created_at.isoformat().replace("+00:00", "Z")
    assert [line.split() for line in lines] == [
        ["SESSION", "STATUS", "PROCESSED", "APPROVED", "REJECTED", "FAILED", "CREATED", "NAME"],
        [str(session.pk), "running", "0/8", "0", "0", "0", created_at, "Cliffs", "[red]"],
    ]


def test_sessions_says_on_stderr_that_there_is_none_when_the_list_is_empty() -> None:
    printed = run("sessions")

    assert (printed.out, printed.err) == ("", "There is no session yet.\n")


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", "9999999999"])
def test_sessions_refuses_a_limit_when_it_is_no_count(limit: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("sessions", f"--limit={limit}")

    assert str(refused.value) == f"Error: argument --limit: {limit!r} is not a whole number from 1 on"
