"""The three buttons of a session: forms that work without script, and say why when they cannot work."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from processing.models import ProcessingSession
from processing.states import Status
from recovery.models import AuditEntry, Checkpoint
from tests.factories import make_batch, make_results, make_worker, no_seal
from tests.people import address

pytestmark = pytest.mark.django_db
STEPS = ["pause", "resume", "cancel"]


def test_pause_and_resume_work_as_plain_forms(ines: Client, session: ProcessingSession) -> None:
    paused = ines.post(address(session, "pause"), follow=True)
    session.refresh_from_db()
    held_by, held = session.hold_by, session.status
    resumed = ines.post(address(session, "resume"), follow=True)
    session.refresh_from_db()

    assert (held, held_by) == (Status.PAUSED, "ines")
    assert "Resume" in paused.content.decode()
    assert session.status == Status.RUNNING
    assert resumed.redirect_chain == [(address(session), 302)]


def test_cancel_asks_first_and_keeps_the_reason(ines: Client, session: ProcessingSession) -> None:
    batch = make_batch(session=session, worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)

    question = ines.get(address(session, "cancel")).content.decode()
    session.refresh_from_db()
    asked = session.status
    response = ines.post(address(session, "cancel"), {"why": "wrong folder"})
    session.refresh_from_db()

    assert asked == Status.RUNNING
    assert "1 verdict stays and can be read." in question
    assert "7 photos will not be looked at." in question
    assert response.status_code == 302
    assert (session.status, session.hold_by, session.hold_why) == (Status.CANCELLED, "ines", "wrong folder")


def test_cancel_says_what_is_wrong_when_the_reason_is_too_long(
    ines: Client, session: ProcessingSession
) -> None:
    response = ines.post(address(session, "cancel"), {"why": "x" * 201})

    session.refresh_from_db()
    assert response.status_code == 400
    assert "Ensure this value has at most 200 characters" in response.content.decode()
    assert session.status == Status.RUNNING


@pytest.mark.parametrize(
    ("hold", "step", "sentence"),
    [
        (ProcessingSession.cancel, "pause", "cannot pause: it is cancelled."),
        (ProcessingSession.cancel, "cancel", "cannot cancel: it is cancelled."),
        (ProcessingSession.cancel, "resume", "cannot resume: it is cancelled."),
        (ProcessingSession.latch, "pause", "cannot pause: it is interrupted."),
        (ProcessingSession.latch, "resume", "cannot resume: it is interrupted."),
        (ProcessingSession.pause, "pause", "cannot pause: it is paused."),
    ],
)
def test_step_answers_409_with_a_sentence_when_the_state_does_not_allow_it(
    ines: Client,
    session: ProcessingSession,
    hold: Callable[[ProcessingSession], None],
    step: str,
    sentence: str,
) -> None:
    hold(session)

    response = ines.post(address(session, step))

    assert response.status_code == 409
    assert f"Session {session.pk} {sentence}" in response.content.decode()


@pytest.mark.parametrize(
    ("hold", "buttons", "reason"),
    [
        (None, {"pause": True, "cancel": True}, ""),
        (ProcessingSession.pause, {"resume": True, "cancel": True}, ""),
        (ProcessingSession.latch, {"pause": False, "cancel": True}, "It cannot pause: it was interrupted."),
        (ProcessingSession.cancel, {"pause": False, "cancel": False}, "It was cancelled for good."),
    ],
)
def test_buttons_that_cannot_work_are_disabled_with_their_reason(
    ines: Client,
    session: ProcessingSession,
    hold: Callable[[ProcessingSession], None] | None,
    buttons: dict[str, bool],
    reason: str,
) -> None:
    if hold:
        hold(session)

    page = ines.get(address(session)).content.decode()

    shown = {
        name: f'id="action-{name}" aria-disabled="true"' not in page
        for name in STEPS
        if f'id="action-{name}"' in page
    }
    assert shown == buttons
    assert reason in page


@pytest.mark.parametrize("step", ["pause", "resume"])
def test_step_is_refused_when_it_is_no_post(ines: Client, session: ProcessingSession, step: str) -> None:
    assert ines.get(address(session, step)).status_code == 405


@pytest.mark.parametrize("step", STEPS)
def test_step_is_refused_when_the_form_is_forged(session: ProcessingSession, step: str) -> None:
    forger = Client(enforce_csrf_checks=True)
    assert session.owner is not None
    forger.force_login(session.owner)

    response = forger.post(address(session, step))

    session.refresh_from_db()
    assert response.status_code == 403
    assert "This form was too old" in response.content.decode()
    assert session.status == Status.RUNNING


def test_checkpoint_now_takes_one_that_is_kept_and_says_so(ines: Client, session: ProcessingSession) -> None:
    response = ines.post(address(session, "checkpoint"), {"note": "before the lens"}, follow=True)

    made = Checkpoint.objects.get(session=session)
    assert (made.checkpoint_type, made.pinned, made.note) == ("manual", True, "before the lens")
    assert "Checkpoint taken at 0 photos. It is kept until you unpin it." in response.content.decode()
    assert AuditEntry.objects.get(action="checkpoint").actor == "ines"


def test_checkpoint_now_is_refused_when_the_session_is_cancelled(
    ines: Client, session: ProcessingSession
) -> None:
    session.cancel()

    response = ines.post(address(session, "checkpoint"))

    assert response.status_code == 409
    assert "it is cancelled" in response.content.decode()
    assert Checkpoint.objects.count() == 0


@pytest.mark.parametrize("note", ["x" * 201, "a\tb", "a\0b"])
def test_checkpoint_now_is_refused_when_the_note_cannot_be_kept(
    ines: Client, session: ProcessingSession, note: str
) -> None:
    assert ines.post(address(session, "checkpoint"), {"note": note}).status_code == 400
    assert Checkpoint.objects.count() == 0


@pytest.mark.parametrize("step", [*STEPS, "checkpoint"])
def test_viewer_is_refused_with_an_entry_in_the_audit_log(
    ines: Client, session: ProcessingSession, step: str
) -> None:
    session.owner.groups.add(Group.objects.get(name="Viewer"))

    response = ines.post(address(session, step))

    session.refresh_from_db()
    assert response.status_code == 403
    assert "You may look at this session, but not change it." in response.content.decode()
    assert session.status == Status.RUNNING
    assert [(entry.actor, entry.outcome) for entry in AuditEntry.objects.filter(action=step)] == [
        ("ines", "refused: You may look at this session, but not change it.")
    ]


def test_buttons_say_why_they_cannot_be_pressed_by_a_viewer(ines: Client, session: ProcessingSession) -> None:
    session.owner.groups.add(Group.objects.get(name="Viewer"))

    page = ines.get(address(session)).content.decode()

    assert "You may look at this session, but not change it." in page
    assert page.count('aria-disabled="true"') == 3
