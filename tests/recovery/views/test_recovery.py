"""The page of a session's recovery: what it says in every state, and which forms it takes and refuses."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from processing.models import ProcessingSession
from processing.states import Status
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from recovery.plans import state_of
from recovery.views import dialog
from tests.people import asked_by_htmx, make_user, signed_in
from tests.recovery.sound import completed_session, sound_session
from tests.recovery.sources import lay_out
from tests.recovery.stacks import work_on
from tests.recovery.views.scenes import answer, give_role, interrupt, recovery, shown_state, standing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
CONFIRMED = {"confirmed": "yes"}


def text_of(client: Client, session: ProcessingSession, query: str = "") -> str:
    """Give the page of a session's recovery."""
    response = client.get(recovery(session, query))
    assert response.status_code == 200
    return response.content.decode()


def test_page_says_what_happened_and_offers_three_ways(ines: Client, session: ProcessingSession) -> None:
    page = text_of(ines, session)

    assert "<strong>Very likely a power failure</strong> (91\u00a0%)" in page
    assert "The machine was started anew. Nobody saw how it ended." in page
    assert "deeper/eveningglow.jpg" in page
    assert "Continue from photo 11" in page
    assert "Restart batch 2" in page
    assert "Puts all 10 verdicts aside and analyzes everything again." in page
    assert 'value="continue" checked' in page
    assert shown_state(page) == "0 interrupted 10"


def test_page_bears_no_figure_beside_a_cause_that_is_unknown(
    ines: Client, session: ProcessingSession
) -> None:
    Crash.objects.update(crash_type="unknown", probabilities={"unknown": 0.82, "out_of_memory": 0.18})

    page = text_of(ines, session)

    assert "<strong>What ended it left no trace</strong>." in page
    assert "<span>Nothing that leaves a trace</span>" in page


@pytest.mark.parametrize(
    ("option", "fields", "title", "live"),
    [
        ("continue", {}, "Continued from photo 11", 10),
        ("restart_batch", {}, "Open batches restarted", 8),
        ("fresh_start", CONFIRMED, "Started fresh", 0),
    ],
)
def test_each_way_is_taken_and_leads_to_what_was_done(
    ines: Client, session: ProcessingSession, option: str, fields: dict[str, str], title: str, live: int
) -> None:
    response = ines.post(recovery(session), answer(session, option, **fields), REMOTE_ADDR="10.0.0.7")
    done = ines.get(response.headers["Location"]).content.decode()

    assert (response.status_code, response.headers["Location"]) == (303, recovery(session, "?done=1"))
    assert standing(session) == (Status.RUNNING, 1, live, live)
    assert title in done
    entry = AuditEntry.objects.get(action="recover")
    assert (entry.actor, entry.address, entry.outcome) == ("ines", "10.0.0.7", "done")


def test_fresh_start_is_refused_without_its_own_yes(ines: Client, session: ProcessingSession) -> None:
    before = standing(session)

    response = ines.post(recovery(session), answer(session, "fresh_start"))

    assert response.status_code == 400
    page = response.content.decode()
    assert "A fresh start puts every verdict aside. Tick this to say yes." in page
    assert 'value="fresh_start" checked' in page
    assert standing(session) == before


@pytest.mark.parametrize("option", ["continue", "restart_batch", "fresh_start"])
def test_stale_answer_is_refused_with_the_new_state(
    ines: Client, session: ProcessingSession, option: str
) -> None:
    stale = answer(session, option, **CONFIRMED)
    ines.post(recovery(session), answer(session, "continue"))
    session.refresh_from_db()
    work_on(session, 1)
    interrupt(session)
    before = standing(session)

    response = ines.post(recovery(session), stale)

    page = response.content.decode()
    assert response.status_code == 409
    assert "Nothing was changed" in page
    assert "It has moved on since" in page
    assert shown_state(page) == "1 interrupted 11"
    assert standing(session) == before


def test_answer_is_refused_when_verdicts_came_in_under_the_same_attempt(
    ines: Client, session: ProcessingSession
) -> None:
    stale = {"option": "continue", "state": "0 interrupted 9"}

    response = ines.post(recovery(session), stale)

    assert response.status_code == 409
    assert "It has moved on since it was shown" in response.content.decode()
    assert RecoveryAttempt.objects.count() == 0


def test_damaged_rows_are_named_and_nothing_changes(ines: Client, session: ProcessingSession) -> None:
    session.results.filter(batch__status="leased").update(note="changed")
    before = standing(session)

    response = ines.post(recovery(session), answer(session, "continue"))

    assert response.status_code == 409
    assert "is not safe to go on with" in response.content.decode()
    assert standing(session) == before


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"option": "", "state": "0"}, "Choose one of the ways."),
        ({"option": "sideways", "state": "0"}, "There is no such way back."),
        ({"option": "continue", "state": ""}, "The form did not say which state it showed."),
        ({"option": "continue", "state": "x" * 5000}, "at most 80 characters"),
        ({"option": "continue", "state": "a\0b"}, "Null characters are not allowed."),
        ({"option": "continue\x07", "state": "0"}, "There is no such way back."),
        ({"option": "continue", "state": "0", "checkpoint": "seven"}, "That is not the id of a checkpoint."),
        ({}, "Choose one of the ways."),
    ],
)
def test_bad_fields_are_answered_with_a_sentence(
    ines: Client, session: ProcessingSession, fields: dict[str, str], sentence: str
) -> None:
    before = standing(session)

    response = ines.post(recovery(session), fields)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert standing(session) == before


def test_stranger_is_sent_to_the_login(session: ProcessingSession) -> None:
    came_from = {"Referer": f"http://testserver{recovery(session)}"}
    response = Client().post(recovery(session), answer(session, "continue"), headers=came_from)

    assert response.headers["Location"] == f"/login/?next={recovery(session)}"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("step", ["recovery", "recovery/undo"])
def test_session_of_another_is_not_there(session: ProcessingSession, method: str, step: str) -> None:
    eve = signed_in(make_user("eve"))

    response = getattr(eve, method)(f"/sessions/{session.pk}/{step}/", answer(session, "continue"))

    assert response.status_code == (405 if (method, step) == ("get", "recovery/undo") else 404)


def test_viewer_may_look_but_not_recover(ines: Client, session: ProcessingSession) -> None:
    assert session.owner is not None
    give_role(session.owner, "Viewer")
    before = standing(session)

    page = text_of(ines, session)
    response = ines.post(recovery(session), answer(session, "continue"))

    assert 'id="go-on" aria-disabled="true"' in page
    assert "You may look at this session, but not change it." in page
    assert response.status_code == 403
    assert AuditEntry.objects.filter(action="recover", outcome__startswith="refused").count() == 1
    assert standing(session) == before


@pytest.mark.parametrize("step", ["pause", "fail", None])
def test_failed_paused_and_waiting_sessions_go_on_as_well(
    ines: Client, tmp_path: Path, step: str | None
) -> None:
    session = sound_session(owner_id=ines.session["_auth_user_id"])
    lay_out(session, tmp_path / "p")
    if step is not None:
        session.fail("The disk is full.") if step == "fail" else session.pause(by="ines")

    page = text_of(ines, session)
    response = ines.post(recovery(session), answer(session, "continue"))

    assert {"fail": "The disk is full.", "pause": "Paused by ines", None: "Nothing has"}[step] in page
    assert response.status_code == 303
    assert standing(session)[:2] == (Status.RUNNING, 1)


def test_completed_session_can_start_fresh_but_not_continue(ines: Client, tmp_path: Path) -> None:
    session = completed_session(owner_id=ines.session["_auth_user_id"])
    lay_out(session, tmp_path / "p")

    page = text_of(ines, session)
    refused = ines.post(recovery(session), answer(session, "continue"))
    response = ines.post(recovery(session), answer(session, "fresh_start", **CONFIRMED))

    assert "The session is completed: there is nothing to continue." in page
    assert 'value="continue" disabled' in page
    assert (refused.status_code, response.status_code) == (409, 303)
    assert standing(session)[:2] == (Status.RUNNING, 1)


def test_cancelled_session_says_why_no_way_is_open(ines: Client, session: ProcessingSession) -> None:
    session.cancel(by="ines")

    page = text_of(ines, session)
    response = ines.post(recovery(session), answer(session, "continue"))

    assert '<span class="reason" id="why-not">The session is cancelled.</span>' in page
    assert response.status_code == 409


def test_source_that_is_gone_closes_all_ways_with_its_reason(
    ines: Client, session: ProcessingSession
) -> None:
    ProcessingSession.objects.filter(pk=session.pk).update(source_path=b"/nowhere/at/all")

    page = text_of(ines, session)

    assert page.count("disabled>") == 3
    assert 'id="go-on" aria-disabled="true"' in page


def test_session_goes_back_to_a_checkpoint(ines: Client, session: ProcessingSession) -> None:
    checkpoint = Checkpoint.objects.filter(session=session, processed_count=8).order_by("-created_at").first()
    assert checkpoint is not None

    page = text_of(ines, session, f"?checkpoint={checkpoint.pk}")
    response = ines.post(recovery(session), answer(session, "continue", checkpoint=str(checkpoint.pk)))

    assert "Go back to the checkpoint of" in page
    assert "The 2 verdicts made since are put aside and made again." in page
    assert response.status_code == 303
    assert RecoveryAttempt.objects.get().checkpoint == checkpoint.pk
    assert standing(session) == (Status.RUNNING, 1, 8, 8)


def test_checkpoint_of_another_session_is_not_there(ines: Client, session: ProcessingSession) -> None:
    other = sound_session()
    foreign = Checkpoint.objects.filter(session=other).first()
    assert foreign is not None

    shown = ines.get(recovery(session, f"?checkpoint={foreign.pk}"))
    posted = ines.post(recovery(session), answer(session, "continue", checkpoint=str(foreign.pk)))

    assert (shown.status_code, posted.status_code) == (404, 404)


def test_voided_checkpoint_is_closed_with_its_reason(ines: Client, session: ProcessingSession) -> None:
    checkpoint = Checkpoint.objects.filter(session=session).order_by("-created_at", "-pk").first()
    assert checkpoint is not None
    Checkpoint.objects.filter(pk=checkpoint.pk).update(voided_by=3)

    page = text_of(ines, session, f"?checkpoint={checkpoint.pk}")
    response = ines.post(recovery(session), answer(session, "continue", checkpoint=str(checkpoint.pk)))

    assert "covers verdicts that recovery 3 has put aside" in page
    assert response.status_code == 409


@pytest.mark.parametrize(
    "query", ["?done=x", "?done=99999999999999", "?checkpoint=7", "?part=all", "?done=0"]
)
def test_page_that_is_asked_for_nonsense_answers_400(
    ines: Client, session: ProcessingSession, query: str
) -> None:
    assert ines.get(recovery(session, query)).status_code == 400


def test_recovery_that_never_was_is_not_there(ines: Client, session: ProcessingSession) -> None:
    assert ines.get(recovery(session, "?done=7")).status_code == 404


def test_look_at_many_photos_is_a_part_of_its_own(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialog, "LOOK_AT_ONCE_MAX", 11)

    page = text_of(ines, session)
    part = asked_by_htmx(ines, recovery(session, "?part=ways")).content.decode()
    without_script = text_of(ines, session, "?look=on")

    assert 'hx-trigger="load"' in page
    assert 'value="continue"' not in page
    assert f'content="0; url={recovery(session)}?look=on"' in page
    assert part.lstrip().startswith('<div id="ways"')
    assert '<div id="decide" hx-swap-oob="innerHTML">' in part
    assert 'value="continue" checked' in without_script


def test_undo_gives_back_what_it_says(ines: Client, session: ProcessingSession) -> None:
    ines.post(recovery(session), answer(session, "fresh_start", **CONFIRMED))
    session.refresh_from_db()
    work_on(session, 3)

    page = text_of(ines, session, "?done=1")
    response = ines.post(
        f"/sessions/{session.pk}/recovery/undo/", {"number": "1", "attempt": session.attempt}
    )
    undone = ines.get(response.headers["Location"]).content.decode()

    assert "10 verdicts that it put aside come back." in page
    assert "3 verdicts made since are put aside, not deleted." in page
    assert response.status_code == 303
    assert standing(session) == (Status.PAUSED, 2, 10, 10)
    assert "Recovery 1 is undone" in undone


@pytest.mark.parametrize(("option", "verifies"), [("continue", True), ("fresh_start", False)])
def test_steps_tell_of_no_verification_that_was_not_made(
    ines: Client, session: ProcessingSession, option: str, *, verifies: bool
) -> None:
    ines.post(recovery(session), answer(session, option, **CONFIRMED))

    page = text_of(ines, session, "?done=1")

    assert ("The batches that go on were verified" in page) is verifies


def test_undo_that_is_counted_later_has_its_button_and_says_nothing_when_there_is_none(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialog, "LOOK_AT_ONCE_MAX", 11)
    ines.post(recovery(session), answer(session, "restart_batch"))

    links = [
        re.findall(r'hx-get="([^"]+part=undo[^"]*)"', text_of(ines, session, query))
        for query in ("", "?done=1")
    ]
    of_newest, of_done = (asked_by_htmx(ines, unescape(link)).content.decode() for (link,) in links)
    ines.post(f"/sessions/{session.pk}/recovery/undo/", {"number": "1", "attempt": "1"})
    of_none = asked_by_htmx(ines, recovery(session, "?part=undo"))

    assert "2 verdicts that it put aside come back." in of_newest
    assert 'id="undo-button"' in of_newest
    assert "2 verdicts that it put aside come back." in of_done
    assert 'id="undo-button"' not in of_done
    assert (of_none.status_code, of_none.content) == (200, b"")


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"number": "1", "attempt": "0"}, 409, "It has moved on since: attempt 0 was shown, it is at 1."),
        ({"number": "7", "attempt": "1"}, 409, "No recovery 7 of it is in force."),
        ({"number": "", "attempt": "1"}, 400, "The form did not say which recovery to undo."),
        ({"number": "one", "attempt": "1"}, 400, "A recovery has a whole number."),
        ({"number": "1", "attempt": "9" * 30}, 400, "less than or equal to 2147483647"),
        ({"number": "1"}, 400, "The form did not say which state it showed."),
    ],
)
def test_undo_is_refused_with_a_sentence(
    ines: Client, session: ProcessingSession, fields: dict[str, str], status: int, sentence: str
) -> None:
    ines.post(recovery(session), answer(session, "continue"))
    before = standing(session)

    response = ines.post(f"/sessions/{session.pk}/recovery/undo/", fields)

    assert response.status_code == status
    assert sentence in response.content.decode()
    assert standing(session) == before


def test_state_names_attempt_status_and_verdicts(session: ProcessingSession) -> None:
    assert state_of(session) == "0 interrupted 10"
