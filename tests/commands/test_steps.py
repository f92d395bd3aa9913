"""Pause, cancel and resume."""

from typing import Any

import pytest

from processing.management.failures import Refused
from processing.models import ProcessingSession, Worker
from processing.states import Hold, Stage
from tests.commands.processes import make_dead
from tests.commands.running import run, run_until_printed
from tests.factories import make_session, make_worker


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_hold_is_taken_and_recorded_when_the_session_is_open(name: str, status: str) -> None:
    session = make_session()

    (printed,) = run(name, str(session.pk), "--reason", "caf\udce9 closes", "--json").objects

    session.refresh_from_db()
    assert (printed["type"], printed["status"]) == ("session", status)
    assert (session.status.value, session.hold_why) == (status, "caf\\xe9 closes")
    assert session.hold_by != ""


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "said"), [("pause", "paused"), ("cancel", "cancelled")])
def test_hold_says_what_was_done_in_one_line_when_nobody_asked_for_json(name: str, said: str) -> None:
    session = make_session()

    printed = run(name, "latest")

    assert printed.out == f"Session {session.pk} is {said}: 0 photos have a verdict.\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "columns", "hint"),
    [
        ("pause", {"stage": Stage.COMPLETED}, "`manage.py results {pk}` prints its verdicts."),
        ("pause", {"hold": Hold.PAUSED}, "`manage.py resume {pk}` lets it go on."),
        ("pause", {"crashed_at": "2026-01-01T00:00:00Z"}, "`manage.py recover {pk}` lets it go on."),
        ("cancel", {"stage": Stage.COMPLETED}, "`manage.py results {pk}` prints its verdicts."),
        ("cancel", {"hold": Hold.CANCELLED}, "`manage.py process SOURCE --new` begins another one."),
        ("resume", {"hold": Hold.FAILED}, "`manage.py recover {pk}` lets it go on."),
        ("resume", {"crashed_at": "2026-01-01T00:00:00Z"}, "`manage.py recover {pk}` lets it go on."),
        ("resume", {}, ""),
    ],
)
def test_step_is_refused_with_a_way_on_when_the_state_forbids_it(
    name: str, columns: dict[str, Any], hint: str
) -> None:
    session = make_session(**columns)

    with pytest.raises(Refused) as refused:
        run(name, "latest")

    assert (refused.value.returncode, refused.value.session) == (5, str(session.pk))
    assert refused.value.hint == hint.format(pk=session.pk)
    assert str(refused.value) == f"Session {session.pk} cannot {name}: it is {session.status.value}."


@pytest.mark.django_db
def test_resume_lifts_a_pause_when_there_is_one() -> None:
    session = make_session(hold=Hold.PAUSED, hold_by="anna", hold_why="lunch")

    (printed,) = run("resume", "latest", "--json").objects

    session.refresh_from_db()
    assert (printed["type"], printed["status"]) == ("session", "running")
    assert (session.hold, session.hold_by, session.hold_why, session.attempt) == (Hold.NONE, "", "", 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["pause", "cancel"])
def test_hold_waits_until_the_workers_are_away_when_asked(name: str) -> None:
    session = make_session()
    worker = make_worker(parent=make_worker(), lane_session=session)
    holds = []

    def leave_lane() -> None:
        holds.append(ProcessingSession.objects.get(pk=session.pk).hold)
        worker.enter_lane(None)

    printed, has_left = run_until_printed(name, "latest", "--wait", then=leave_lane)

    assert (has_left, holds) == (True, [{"pause": "paused", "cancel": "cancelled"}[name]])
    assert printed.err == "Waiting for the workers to finish their photos.\n"


@pytest.mark.django_db(transaction=True)
def test_pause_does_not_wait_for_the_dead_when_asked_to_wait() -> None:
    session = make_session()
    parent = make_worker()
    dead = make_dead(parent=parent, lane_session=session)

    printed = run("pause", "latest", "--wait", "--json").objects

    assert [one["workers"] for one in printed] == [[]]
    assert not Worker.objects.living().filter(pk=dead.pk).exists()
