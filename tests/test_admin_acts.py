"""Acts on sessions in the administration: asked about first where they move verdicts, done by the same functions."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.test import Client

from processing.models import ProcessingSession
from processing.states import Status
from recovery.bulk import ACTS
from recovery.models import AuditEntry, Checkpoint, RecoveryAttempt
from tests.factories import make_session
from tests.people import make_user, signed_in
from tests.recovery.sound import sound_session, write_files

pytestmark = pytest.mark.django_db
LIST = "/admin/processing/processingsession/"


@pytest.fixture
def root(db: None) -> Client:
    """A signed-in superuser."""
    return signed_in(make_user("root", is_superuser=True))


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """An interrupted session whose photos lie where its manifest says."""
    made = sound_session(source_path=write_files(tmp_path / "photos", 12), owner=make_user("ines"))
    made.latch()
    return made


def act(client: Client, name: str, *sessions: ProcessingSession, **data: Any) -> Any:
    """Send an action for some sessions."""
    return client.post(LIST, {"action": name, "_selected_action": [str(one.pk) for one in sessions]} | data)


def confirm(client: Client, name: str, session: ProcessingSession, attempt: object) -> Any:
    """Say yes to what was shown."""
    return act(client, name, session, confirmed="yes", **{f"attempt-{session.pk}": attempt})


def told(response: Any) -> list[str]:
    """Give the messages of an answer."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_recovery_is_previewed_and_then_carried_out(root: Client, session: ProcessingSession) -> None:
    asked = act(root, "recover", session)
    before = RecoveryAttempt.objects.count()
    done = confirm(root, "recover", session, session.attempt)

    session.refresh_from_db()
    assert "Keeps 10 verdicts, does 0 again, leaves 2;" in asked.content.decode()
    assert before == 0
    assert session.status == Status.RUNNING
    assert "kept" in told(done)[0]
    assert AuditEntry.objects.get(action="recover").actor == "root"


def test_nothing_is_done_to_some_when_more_are_picked_than_a_person_reads_of(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.admin.ACTED_ON_MAX", 2)
    sessions = [make_session() for _ in range(3)]

    refused = act(root, "pause", *sessions)
    done = act(root, "pause", *sessions[:2])

    assert told(refused) == ["Pick at most 2 sessions at once. Nothing was done."]
    assert [message.partition(": ")[2] for message in told(done)[-2:]] == ["Paused."] * 2
    assert AuditEntry.objects.filter(action="pause").count() == 2


@pytest.mark.parametrize("attempt", [7, "", "one", "9" * 40, "-1", "\0"])
def test_recovery_is_refused_when_the_state_shown_is_not_the_state(
    root: Client, session: ProcessingSession, attempt: object
) -> None:
    response = confirm(root, "recover", session, attempt)

    session.refresh_from_db()
    assert response.status_code == 302
    assert "It has moved on since" in told(response)[0]
    assert session.status == Status.INTERRUPTED


def test_recovery_is_undone_after_a_preview(root: Client, session: ProcessingSession) -> None:
    confirm(root, "recover", session, session.attempt)
    session.refresh_from_db()

    asked = act(root, "roll_back", session).content.decode()
    confirm(root, "roll_back", session, session.attempt)

    session.refresh_from_db()
    assert "0 verdicts come back, 0 made since are put aside." in asked
    assert session.status == Status.PAUSED
    assert RecoveryAttempt.objects.get().undone_by == "root"


def test_sessions_pause_resume_and_take_checkpoints_at_once(root: Client) -> None:
    sessions = [make_session(name=name, total=4) for name in ("a", "b")]

    act(root, "checkpoint", *sessions)
    paused = act(root, "pause", *sessions)
    statuses = [ProcessingSession.objects.get(pk=one.pk).status for one in sessions]
    act(root, "resume", *sessions)

    assert statuses == [Status.PAUSED, Status.PAUSED]
    assert [ProcessingSession.objects.get(pk=one.pk).status for one in sessions] == [Status.RUNNING] * 2
    assert told(paused)[-2:] == ["a: Paused.", "b: Paused."]
    assert Checkpoint.objects.filter(checkpoint_type="manual").count() == 2


def test_refused_step_is_told_and_the_others_are_done(root: Client) -> None:
    running, cancelled = make_session(name="a", total=4), make_session(name="b", total=4)
    cancelled.cancel()

    response = act(root, "pause", running, cancelled)

    running.refresh_from_db()
    assert running.status == Status.PAUSED
    assert "it is cancelled" in told(response)[1]


def test_verify_and_clean_up_say_what_they_found(root: Client, session: ProcessingSession) -> None:
    verified = told(act(root, "verify", session))
    cleaned = told(act(root, "clean_up", session))

    assert verified == [f"{session}: Everything is as it was written."]
    assert cleaned[-1].endswith("checkpoints were deleted.")


def test_deletion_asks_first_and_then_deletes(root: Client) -> None:
    session = make_session(total=4)
    session.cancel()

    asked = act(root, "delete", session).content.decode()
    is_there = ProcessingSession.objects.filter(pk=session.pk).exists()
    confirm(root, "delete", session, session.attempt)

    assert "That cannot be undone." in asked
    assert is_there
    assert not ProcessingSession.objects.filter(pk=session.pk).exists()


def test_auditor_may_verify_alone(session: ProcessingSession) -> None:
    auditor = make_user("audrey")
    auditor.groups.add(Group.objects.get(name="Auditor"))
    client = signed_in(auditor)

    page = client.get(LIST).content.decode()
    verified = told(act(client, "verify", session))
    act(client, "checkpoint", session)

    assert 'value="verify"' in page
    assert 'value="pause"' not in page
    assert verified == [f"{session}: Everything is as it was written."]
    assert not Checkpoint.objects.filter(checkpoint_type="manual").exists()


def test_clerk_acts_on_own_sessions_alone(session: ProcessingSession) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.groups.add(Group.objects.get(name="Operator"))
    own = make_session(owner=clerk, total=4)

    act(signed_in(clerk), "pause", own, session)

    session.refresh_from_db()
    own.refresh_from_db()
    assert (own.status, session.status) == (Status.PAUSED, Status.INTERRUPTED)


def test_every_act_of_the_list_is_known() -> None:
    assert list(ACTS) == [
        "recover",
        "roll_back",
        "verify",
        "checkpoint",
        "pause",
        "resume",
        "clean_up",
        "delete",
    ]
    assert [name for name, one in ACTS.items() if one.preview] == ["recover", "roll_back", "delete"]
