"""Recoveries by REST: the same acts as by command, for whom they are allowed, once, and out of the state shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession, Scope
from processing.states import Status
from recovery.detection import crash_of
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from recovery.plans import prepare_recovery_options
from tests.factories import make_session
from tests.people import make_user
from tests.recovery.api.calling import api, problem_of, script_of, send
from tests.recovery.sound import completed_session, sound_session
from tests.recovery.sources import lay_out
from tests.recovery.stacks import work_on
from tests.recovery.views.scenes import give_role, interrupt, standing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
QUERIES = 10
CRASHED = "/api/recovery/crashed-sessions"
POSTS: dict[str, Any] = {
    "recover": {"option": "continue"},
    "resume": None,
    "rollback": {"attempt": 1},
    "checkpoint": {"note": "mine"},
    "emergency-checkpoint": None,
    "verify-integrity": {"repair": True},
}
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
GETS = ("recovery-options", "checkpoints", "latest-checkpoint")


def ask_everything(client: Client, session: ProcessingSession) -> dict[str, int]:
    """Call every operation on a session; give the statuses."""
    answered = {name: client.get(api(session, name)).status_code for name in GETS}
    answered |= {name: send(client, api(session, name), body).status_code for name, body in POSTS.items()}
    return answered | {"delete": client.delete(api(session, "checkpoints")).status_code}


def test_crashed_sessions_are_told_with_their_crash(
    script: Client, session: ProcessingSession, crash: Crash, ines: User
) -> None:
    failed = make_session(owner=ines, name="Broken")
    failed.fail("no disk")
    make_session(owner=ines, name="Runs on")

    told = script.get(CRASHED).json()

    crash.refresh_from_db()
    crash.session = session
    assert [one["session"] for one in told["items"]] == [str(failed.pk), str(session.pk)]
    assert told["next"] is None
    assert (told["items"][0]["crash"], told["items"][0]["status"]) == (None, "failed")
    interrupted = told["items"][1]
    assert (interrupted["status"], interrupted["can_recover"]) == ("interrupted", True)
    assert interrupted["crash"] == crash_of(crash)
    assert (interrupted["name"], interrupted["processed"], interrupted["total"]) == ("Coast", 10, 12)


def test_crashed_sessions_are_paged_by_key_even_when_the_last_one_shown_is_gone(
    script: Client, ines: User
) -> None:
    sessions = [make_session(owner=ines, name=f"{number}") for number in range(5)]
    for one in sessions:
        one.latch()
    newest_first = [str(one.pk) for one in reversed(sessions)]

    first = script.get(CRASHED, {"limit": 2}).json()
    sessions[3].delete()
    second = script.get(CRASHED, {"limit": 2, "after": first["next"]}).json()
    third = script.get(CRASHED, {"limit": 2, "after": second["next"]}).json()

    shown = [[one["session"] for one in page["items"]] for page in (first, second, third)]
    assert shown == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert third["next"] is None


def test_crashed_sessions_cost_the_same_queries_however_many_they_are(
    script: Client, ines: User, django_assert_num_queries: Any
) -> None:
    script.get(CRASHED)
    for expected in (1, 3):
        while ProcessingSession.objects.count() < expected:
            interrupt(make_session(owner=ines))

        with django_assert_num_queries(QUERIES):
            told = script.get(CRASHED).json()

        assert len(told["items"]) == expected


def test_who_may_only_look_sees_that_they_cannot_recover(session: ProcessingSession, crash: Crash) -> None:
    auditor = make_user("auditor")
    give_role(auditor, "Auditor", "audit_sessions")

    told = script_of(auditor).get(CRASHED).json()

    assert [one["can_recover"] for one in told["items"]] == [False]


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
    assert told["message"].startswith(f"The session goes on from photo {shown['start_index']}: ")
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


@pytest.mark.parametrize("name", ["recover", "resume", "checkpoint"])
def test_same_key_twice_acts_once(
    script: Client, session: ProcessingSession, crash: Crash, name: str
) -> None:
    key = {"Idempotency-Key": "5f0c"}

    first = send(script, api(session, name), POSTS[name], **key)
    second = send(script, api(session, name), POSTS[name], **key)

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
        "message": "The session goes on from photo 10: 10 verdicts kept, 0 put aside, 2 photos left.",
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


def test_session_of_another_is_not_there_for_any_operation(session: ProcessingSession, crash: Crash) -> None:
    before = standing(session)

    answered = ask_everything(script_of(make_user("ben")), session)

    assert answered == dict.fromkeys(answered, 404)
    assert standing(session) == before
    assert not AuditEntry.objects.exists()


def test_nobody_known_is_refused_by_every_operation(session: ProcessingSession, crash: Crash) -> None:
    before = standing(session)

    answered = ask_everything(Client(), session)
    others = [Client().get(f"/api/recovery/{name}") for name in ("crashed-sessions", "recovery-statistics")]

    assert answered == dict.fromkeys(answered, 401)
    assert [one.status_code for one in others] == [401, 401]
    assert standing(session) == before


def test_auditor_looks_and_verifies_and_is_recorded_when_refused(
    session: ProcessingSession, crash: Crash
) -> None:
    auditor = make_user("auditor")
    give_role(auditor, "Auditor", "audit_sessions")
    script = script_of(auditor)
    before = standing(session)

    answered = ask_everything(script, session)
    verified = send(script, api(session, "verify-integrity"))

    assert answered == dict.fromkeys(GETS, 200) | dict.fromkeys((*POSTS, "delete"), 403)
    assert verified.status_code == 200
    assert standing(session) == before
    entries = list(AuditEntry.objects.order_by("number").values_list("action", "actor", "address"))
    acts = ("recover", "resume", "rollback", "checkpoint", "checkpoint", "repair", "cleanup")
    assert entries == [(act, "auditor", "10.0.0.7") for act in acts]


def test_viewer_looks_at_her_own_session_and_no_more(
    ines: User, session: ProcessingSession, crash: Crash
) -> None:
    give_role(ines, "Viewer")
    before = standing(session)

    answered = ask_everything(script_of(ines), session)
    verified = send(script_of(ines), api(session, "verify-integrity"))

    assert answered == dict.fromkeys(GETS, 200) | dict.fromkeys((*POSTS, "delete"), 403)
    assert (verified.status_code, problem_of(verified)["code"]) == (403, "forbidden")
    assert standing(session) == before


@pytest.mark.parametrize(
    ("scope", "looks", "acts"),
    [(Scope.READ, 200, 403), (Scope.RECOVER, 403, None), (Scope.RUN, 403, 403), (Scope.ADMIN, 403, 403)],
)
def test_token_is_good_for_its_scope_only(
    ines: User, session: ProcessingSession, crash: Crash, scope: Scope, looks: int, acts: int | None
) -> None:
    answered = ask_everything(script_of(ines, scope), session)

    done = {"recover": 202, "resume": 409, "rollback": 200, "checkpoint": 201}
    done |= {"emergency-checkpoint": 201, "verify-integrity": 200, "delete": 200}
    expected = done if acts is None else dict.fromkeys(done, acts)
    assert answered == dict.fromkeys(GETS, looks) | expected
