"""Recoveries by REST: the same acts as by command, for whom they are allowed, once, and out of the state shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession
from processing.states import Status
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from recovery.plans import prepare_recovery_options
from tests.recovery.api.calling import api, problem_of, send
from tests.recovery.sound import completed_session, sound_session
from tests.recovery.sources import lay_out
from tests.recovery.stacks import work_on
from tests.recovery.views.scenes import standing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
ACTS: dict[str, Any] = {"recover": {"option": "continue"}, "resume": None, "checkpoint": {"note": "mine"}}
WRONG_BODIES: list[Any] = [
    {},
    [],
    "continue",
    {"option": "delete"},
    {"option": "continue", "confirmed": 0},
    {"option": "fresh_start", "confirmed": "true"},
    {"option": "continue", "attempt": "0"},
    {"option": "continue", "attempt": True},
    {"option": "continue", "attempt": -1},
    {"option": "continue", "attempt": 10**30},
    {"option": "continue", "checkpoint_id": "x\u0000"},
    {"option": "continue", "checkpoint_id": 5},
    {"option": "continue", "force": True},
]


def test_options_are_those_of_the_command(script: Client, session: ProcessingSession, crash: Crash) -> None:
    expected = [option.published() for option in prepare_recovery_options(session)]

    told = script.get(api(session, "recovery-options")).json()

    assert told == {"items": expected, "next": None}
    assert [one["option"] for one in told["items"]] == ["continue", "restart_batch", "fresh_start"]


@pytest.mark.parametrize("option", ["continue", "restart_batch", "fresh_start"])
def test_recovery_does_what_its_option_has_said(
    script: Client, session: ProcessingSession, crash: Crash, option: str
) -> None:
    options = script.get(api(session, "recovery-options")).json()["items"]
    shown = next(one for one in options if one["option"] == option)

    body = {"option": option, "confirmed": True, "attempt": shown["attempt"]}
    response = send(script, api(session, "recover"), body)

    told = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/sessions/{session.pk}/progress"
    numbers = ("keep", "redo", "left", "start_index")
    assert [told[name] for name in numbers] == [shown[name] for name in numbers]
    assert (told["success"], told["attempt"], told["option"]) == (True, 1, option)
    assert told["message"].startswith(f"The session goes on from photo {shown['start_index'] + 1}: ")
    assert standing(session) == (Status.RUNNING, 1, shown["keep"], shown["keep"])
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.address, entry.outcome) == (
        "recover",
        "ines",
        "10.0.0.7",
        "done",
    )


def test_recovery_goes_back_to_a_checkpoint_as_its_option_has_said(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    made = send(script, api(session, "checkpoint")).json()["checkpoint"]
    send(script, api(session, "recover"), {"option": "continue"})
    work_on(session, 1)
    session.latch()

    shown = script.get(api(session, "recovery-options"), {"checkpoint": made}).json()["items"][0]
    told = send(script, api(session, "recover"), {"option": "continue", "checkpoint_id": made}).json()

    assert shown["checkpoint"] == made
    assert [told[name] for name in ("keep", "redo")] == [shown["keep"], shown["redo"]] == [10, 1]
    assert str(RecoveryAttempt.objects.get(number=2).checkpoint) == made


def test_fresh_start_is_refused_with_428_until_it_is_confirmed(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    before = standing(session)

    response = send(script, api(session, "recover"), {"option": "fresh_start"})
    unconfirmed = send(script, api(session, "recover"), {"option": "fresh_start", "confirmed": False})

    assert unconfirmed.status_code == 428
    told = problem_of(response)
    assert (response.status_code, told["code"]) == (428, "confirmation_needed")
    assert told["detail"] == "A fresh start puts every verdict aside. Confirm it explicitly."
    assert standing(session) == before
    outcomes = AuditEntry.objects.values_list("outcome", flat=True)
    assert list(outcomes) == [f"refused: {told['detail']}"] * 2


def test_recovery_of_another_state_than_shown_is_refused_with_409(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    before = standing(session)

    response = send(script, api(session, "recover"), {"option": "continue", "attempt": 7})

    assert response.status_code == 409
    assert "attempt 7 was shown, it is at 0." in problem_of(response)["detail"]
    assert standing(session) == before


def test_checkpoint_of_another_session_is_not_found(
    script: Client, session: ProcessingSession, crash: Crash, ines: User
) -> None:
    other = Checkpoint.objects.filter(session=sound_session(owner=ines)).first()
    assert other is not None
    before = standing(session)

    asked = script.get(api(session, "recovery-options"), {"checkpoint": str(other.pk)})
    body = {"option": "continue", "checkpoint_id": str(other.pk)}
    sent = send(script, api(session, "recover"), body)

    assert (asked.status_code, sent.status_code) == (404, 404)
    assert problem_of(sent)["detail"] == f"The session has no checkpoint {other.pk}."
    assert standing(session) == before


def test_checkpoint_goes_with_continue_only(script: Client, session: ProcessingSession, crash: Crash) -> None:
    made = send(script, api(session, "checkpoint")).json()["checkpoint"]

    body = {"option": "fresh_start", "confirmed": True, "checkpoint_id": made}
    response = send(script, api(session, "recover"), body)

    assert (response.status_code, problem_of(response)["code"]) == (422, "usage")


def test_wrong_body_is_refused_with_422_and_changes_nothing(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    before = standing(session)

    answered = [send(script, api(session, "recover"), body) for body in WRONG_BODIES]

    assert [one.status_code for one in answered] == [422] * len(WRONG_BODIES)
    assert {problem_of(one)["code"] for one in answered} == {"usage"}
    assert standing(session) == before
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_same_key_twice_acts_once(
    script: Client, session: ProcessingSession, crash: Crash, name: str
) -> None:
    key = {"Idempotency-Key": "5f0c"}

    first = send(script, api(session, name), ACTS[name], **key)
    second = send(script, api(session, name), ACTS[name], **key)

    assert first.status_code in (201, 202)
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["Location"] == first.headers["Location"]
    assert AuditEntry.objects.count() == 1


def test_second_of_two_recoveries_without_a_key_is_refused(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    body = {"option": "continue", "attempt": 0}

    statuses = [send(script, api(session, "recover"), body).status_code for _ in range(2)]

    assert statuses == [202, 409]
    assert RecoveryAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("step", "action", "option", "attempts"),
    [
        (ProcessingSession.pause, "resume", "resume", 0),
        (ProcessingSession.latch, "recover", "continue", 1),
        (lambda session: session.fail("no disk"), "recover", "continue", 1),
    ],
    ids=["paused", "interrupted", "failed"],
)
def test_resume_lets_a_session_go_on_that_stands_still(
    script: Client,
    session: ProcessingSession,
    step: Callable[[ProcessingSession], None],
    action: str,
    option: str,
    attempts: int,
) -> None:
    step(session)

    response = send(script, api(session, "resume"))

    told = response.json()
    assert response.status_code == 202
    assert told == {
        "success": True,
        "message": "The session goes on from photo 11: 10 verdicts kept, 0 put aside, 2 photos left.",
        "start_index": 10,
        "attempt": 1,
        "session": str(session.pk),
        "option": option,
        "keep": 10,
        "redo": 0,
        "left": 2,
    }
    assert standing(session) == (Status.RUNNING, 1, 10, 10)
    assert RecoveryAttempt.objects.count() == attempts
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.address) == (action, "ines", "10.0.0.7")


@pytest.mark.parametrize("step", [None, ProcessingSession.cancel], ids=["running", "cancelled"])
def test_resume_is_refused_with_409_where_nothing_stands_still(
    script: Client, session: ProcessingSession, step: Callable[[ProcessingSession], None] | None
) -> None:
    if step:
        step(session)
    before = standing(session)

    response = send(script, api(session, "resume"))

    assert response.status_code == 409
    assert "cannot resume: it is" in problem_of(response)["detail"]
    assert standing(session) == before


def test_recovery_of_a_finished_session_is_refused_with_409(
    script: Client, ines: User, tmp_path: Path
) -> None:
    session = completed_session(owner=ines)
    lay_out(session, tmp_path / "others")

    response = send(script, api(session, "recover"), {"option": "continue"})

    assert response.status_code == 409
    assert "there is nothing to continue" in problem_of(response)["detail"]


def test_rollback_brings_the_session_back_as_it_was(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    send(script, api(session, "recover"), {"option": "fresh_start", "confirmed": True})

    response = send(script, api(session, "rollback"), {"attempt": 1})

    told = response.json()
    assert (response.status_code, told["success"], told["option"]) == (200, True, "undo")
    assert (told["keep"], told["left"], told["start_index"], told["attempt"]) == (10, 2, 10, 2)
    assert standing(session) == (Status.PAUSED, 2, 10, 10)
    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.action, entry.actor, entry.address) == ("rollback", "ines", "10.0.0.7")


def test_rollback_needs_a_recovery_that_is_in_force(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    send(script, api(session, "recover"), {"option": "continue"})
    before = standing(session)

    wrong = [{}, {"attempt": 0}, {"attempt": "1"}, {"attempt": 9}]
    answered = [send(script, api(session, "rollback"), body) for body in wrong]
    nothing = send(script, api(session, "rollback"))

    assert [one.status_code for one in answered] == [422, 422, 422, 409]
    assert nothing.status_code == 422
    assert problem_of(answered[-1])["detail"].endswith("No recovery 9 of it is in force.")
    assert standing(session) == before


def test_session_that_is_not_safe_is_refused_with_409(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    session.results.filter(position=8).update(width_px=1)
    before = standing(session)

    response = send(script, api(session, "recover"), {"option": "continue"})

    assert (response.status_code, problem_of(response)["code"]) == (409, "integrity")
    assert standing(session) == before
