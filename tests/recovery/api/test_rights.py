"""Who may call which operation of recovery, and which crashed sessions they are told of."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession, Scope
from recovery.detection import crash_of
from recovery.models import AuditEntry, Crash
from tests.factories import make_session
from tests.people import make_user
from tests.recovery.api.calling import api, problem_of, script_of, send
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
