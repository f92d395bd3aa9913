"""REST of sessions: begun, listed, shown, renamed, watched, paused and cancelled."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings

from processing import progress
from processing.management.lines import whole_session
from processing.models import Batch, ProcessingSession
from processing.states import BatchKind, Hold, Stage
from recovery.models import AuditEntry
from tests.api.asking import patch, post, script, told
from tests.factories import MADE_AT, make_crash, make_session, make_worker
from tests.folders import new_source, put
from tests.people import make_user

pytestmark = pytest.mark.django_db
SESSIONS = "/api/v1/sessions"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with two photos."""
    folder = new_source(tmp_path)
    put(folder, "a.jpg", "b.png", data=b"12345")
    return folder


def place(session: ProcessingSession, rest: str = "") -> str:
    """Give the address of a session, or of something of it."""
    return f"{SESSIONS}/{session.pk}{rest}"


def with_role(role: str) -> User:
    """Make somebody of a role."""
    user = make_user(role.lower())
    user.groups.add(Group.objects.get(name=role))
    return user


def test_session_is_begun_as_it_was_asked_for(ines: Client, source: Path) -> None:
    asked = {"source": str(source), "name": "Autumn", "batch_size": 21, "checkpoint_interval": 7}

    response = post(ines, SESSIONS, asked | {"recursive": False})

    session = ProcessingSession.objects.get()
    assert (response.status_code, response.headers["Location"]) == (201, place(session))
    assert response.json() == whole_session(session)
    assert (session.name, session.source, session.owner.username) == ("Autumn", str(source), "ines")
    assert (session.checkpoint_interval, session.batch_size, session.recursive) == (7, 21, False)
    assert [batch.kind for batch in Batch.objects.filter(session=session)] == [BatchKind.SCAN]


def test_begin_is_recorded_with_who_and_from_where(ines: Client, source: Path) -> None:
    begun = post(ines, SESSIONS, {"source": str(source)}).json()

    entry = AuditEntry.objects.get(action="session")
    assert (str(entry.session), entry.actor, entry.address) == (begun["session"], "ines", "127.0.0.1")


def test_refusal_to_begin_is_recorded_when_a_role_may_only_look(source: Path) -> None:
    viewer = script(with_role("Viewer"))

    response = post(viewer, SESSIONS, {"source": str(source)})

    assert response.status_code == 403
    assert AuditEntry.objects.get(action="session").outcome == (
        "refused: Your role may look at sessions, but not begin one."
    )


def test_session_gets_what_the_settings_say_when_only_the_source_is_given(ines: Client, source: Path) -> None:
    post(ines, SESSIONS, {"source": str(source)})

    session = ProcessingSession.objects.get()
    assert (session.name, session.preset_name, session.recursive) == ("source", "Adobe Stock", True)
    assert (session.checkpoint_interval, session.batch_size) == (10, 50)


@pytest.mark.parametrize(
    ("changes", "where", "sentence"),
    [
        ({"source": None}, "body.source", "Input should be a valid string"),
        ({"source": "photos"}, "body.source", "is not a whole path"),
        ({"source": "/nowhere/at/all"}, "body.source", "does not exist"),
        ({"source": "/x\0y"}, "body.source", "Leave out control characters"),
        ({"source": "/\ud800"}, "body.source", "unicode string"),
        ({"source": "/" + "x" * 5000}, "body.source", "at most 4096 characters"),
        ({"name": "a\nb"}, "body.name", "Leave out control characters"),
        ({"name": 7}, "body.name", "valid string"),
        ({"preset": "Nobody's"}, "body.preset", "There is no preset"),
        ({"batch_size": "21"}, "body.batch_size", "valid integer"),
        ({"batch_size": 0}, "body.batch_size", "greater than or equal to 1"),
        ({"checkpoint_interval": 10**30}, "body.checkpoint_interval", "less than or equal to 10000"),
        ({"new": 0}, "body.new", "valid boolean"),
        ({"owner": "other"}, "body.owner", "not permitted"),
    ],
)
def test_wrong_wish_is_told_with_its_place_and_begins_nothing(
    ines: Client, source: Path, changes: dict[str, Any], where: str, sentence: str
) -> None:
    response = post(ines, SESSIONS, {"source": str(source)} | changes)

    (error,) = told(response, 422, "usage")["errors"]
    assert error["where"] == where
    assert sentence in error["why"]
    assert not ProcessingSession.objects.exists()


@override_settings(STOCKPROOF_SERVED="public", STOCKPROOF_SOURCE_ROOTS=[])
def test_no_folder_may_be_read_beyond_loopback_until_one_is_named(ines: Client, source: Path) -> None:
    response = post(ines, SESSIONS, {"source": str(source)})

    assert "STOCKPROOF_SOURCE_ROOTS" in told(response, 422, "usage")["detail"]


def test_unfinished_session_of_the_source_is_named_unless_a_new_one_is_wanted(
    ines: Client, source: Path
) -> None:
    first = post(ines, SESSIONS, {"source": str(source)}).json()["session"]

    refused = post(ines, SESSIONS, {"source": str(source)})
    second = post(ines, SESSIONS, {"source": str(source), "new": True})

    assert told(refused, 409, "held")["session"] == first
    assert second.status_code == 201
    assert ProcessingSession.objects.count() == 2


def test_unfinished_session_of_somebody_else_is_not_given_away(ines: Client, source: Path) -> None:
    post(script(make_user("other")), SESSIONS, {"source": str(source)})

    response = post(ines, SESSIONS, {"source": str(source)})

    assert response.status_code == 201


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_role_that_may_only_look_begins_nothing(db: None, source: Path, role: str) -> None:
    response = post(script(with_role(role)), SESSIONS, {"source": str(source)})

    assert told(response, 403, "forbidden")["detail"] == "Your role may look at sessions, but not begin one."
    assert not ProcessingSession.objects.exists()


def test_list_gives_own_sessions_newest_first_page_by_page(ines: Client, owner: User) -> None:
    made = [
        make_session(owner=owner, name=str(number), created_at=MADE_AT + timedelta(days=number))
        for number in range(3)
    ]
    make_session(owner=make_user("other"))

    first = ines.get(SESSIONS, {"limit": 2}).json()
    second = ines.get(SESSIONS, {"limit": 2, "after": first["next"]}).json()

    assert first["items"] == [progress.session_of(made[2]), progress.session_of(made[1])]
    assert [one["name"] for one in second["items"]] == ["0"]
    assert second["next"] is None


def test_list_is_narrowed_by_status(ines: Client, owner: User) -> None:
    paused = make_session(owner=owner, hold=Hold.PAUSED)
    make_session(owner=owner)

    listed = ines.get(SESSIONS, {"status": "paused"}).json()["items"]

    assert [one["session"] for one in listed] == [str(paused.pk)]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"after": "x"}, {"status": "asleep"}]
)
def test_list_refuses_a_query_that_makes_no_sense(ines: Client, query: dict[str, Any]) -> None:
    told(ines.get(SESSIONS, query), 422, "usage")


def test_list_goes_on_where_it_was_when_its_last_session_is_gone(ines: Client, owner: User) -> None:
    older, newer = (
        make_session(owner=owner, created_at=MADE_AT + timedelta(days=number)) for number in range(2)
    )
    after = ines.get(SESSIONS, {"limit": 1}).json()["next"]

    newer.delete()

    listed = ines.get(SESSIONS, {"after": after}).json()["items"]
    assert [one["session"] for one in listed] == [str(older.pk)]


def test_session_is_shown_as_the_command_prints_it(ines: Client, session: ProcessingSession) -> None:
    make_crash(worker=make_worker(), session=session)

    body = ines.get(place(session)).json()

    crash = body.pop("last_crash")
    printed = whole_session(session)
    assert {"type": "crash"} | crash == printed.pop("last_crash")
    assert body == printed


def test_session_of_somebody_else_is_as_if_it_were_not_there(ines: Client) -> None:
    theirs = make_session(owner=make_user("other"))

    answers = [told(ines.get(f"{SESSIONS}/{one}"), 404, "not_found") for one in (theirs.pk, uuid4())]

    assert answers[0]["detail"] == answers[1]["detail"]


def test_session_is_renamed(ines: Client, session: ProcessingSession) -> None:
    response = patch(ines, place(session), {"name": "Winter"})

    session.refresh_from_db()
    assert (response.status_code, response.json()["name"], session.name) == (200, "Winter", "Winter")


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"name": "a\tb"}, {"status": "paused"}])
def test_session_keeps_its_name_when_the_change_makes_no_sense(
    ines: Client, session: ProcessingSession, body: dict[str, Any]
) -> None:
    told(patch(ines, place(session), body), 422, "usage")

    session.refresh_from_db()
    assert session.name == "Autumn travel"


def test_auditor_may_see_a_session_but_not_rename_it(session: ProcessingSession) -> None:
    auditor = script(with_role("Auditor"))

    assert auditor.get(place(session)).status_code == 200
    told(patch(auditor, place(session), {"name": "Mine"}), 403, "forbidden")


def test_progress_is_the_published_status_with_the_pace_to_ask_at(
    ines: Client, session: ProcessingSession
) -> None:
    response = ines.get(place(session, "/progress"))

    assert response.json() == progress.status_of(session)
    assert response.headers["Retry-After"] == "2"
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_progress_is_not_told_again_until_it_changes(ines: Client, session: ProcessingSession) -> None:
    etag = ines.get(place(session, "/progress")).headers["ETag"]

    same = ines.get(place(session, "/progress"), headers={"If-None-Match": etag})
    session.pause()
    other = ines.get(place(session, "/progress"), headers={"If-None-Match": etag})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert same.headers["Retry-After"] == "2"
    assert (other.status_code, other.json()["status"], other.headers["Retry-After"]) == (200, "paused", "10")


def test_progress_asks_nobody_to_come_back_when_the_session_is_finished(ines: Client, owner: User) -> None:
    finished = make_session(owner=owner, stage=Stage.COMPLETED)

    assert "Retry-After" not in ines.get(place(finished, "/progress")).headers


@pytest.mark.parametrize(("step", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_step_is_taken_and_recorded_with_its_reason(
    ines: Client, session: ProcessingSession, step: str, status: str
) -> None:
    response = post(ines, place(session, f"/{step}"), {"reason": "the laptop moves"})

    session.refresh_from_db()
    entry = AuditEntry.objects.get()
    assert (response.status_code, response.json()["status"]) == (200, status)
    assert (session.hold_by, session.hold_why) == ("ines", "the laptop moves")
    assert (entry.action, entry.actor, entry.address, entry.outcome) == (step, "ines", "127.0.0.1", "done")


def test_step_needs_no_body(ines: Client, session: ProcessingSession) -> None:
    assert post(ines, place(session, "/pause")).json()["status"] == "paused"


@pytest.mark.parametrize("step", ["pause", "cancel"])
def test_step_is_refused_with_the_way_on_when_the_state_does_not_allow_it(
    ines: Client, session: ProcessingSession, step: str
) -> None:
    session.cancel()

    found = told(post(ines, place(session, f"/{step}")), 409, "refused")

    assert found["session"] == str(session.pk)
    assert found["hint"] == 'POST /api/v1/sessions with "new": true begins another one.'
    assert AuditEntry.objects.get().outcome.startswith("refused: ")


def test_step_of_who_may_only_look_is_refused_and_recorded(session: ProcessingSession) -> None:
    told(post(script(with_role("Auditor")), place(session, "/cancel")), 403, "forbidden")

    session.refresh_from_db()
    assert session.status == "running"
    assert AuditEntry.objects.get().outcome.startswith("refused: ")
