"""A person's verdicts by forms: one photo, those that were picked, all that match; undo; and what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from processing.models import Override, ProcessingSession
from processing.overriding import override
from recovery.models import AuditEntry
from tests.people import make_user, signed_in
from tests.recovery.sound import completed_session, sound_session
from tests.test_overriding import assert_counts_are_true, decisions

pytestmark = pytest.mark.django_db
BEFORE = ["approved", "rejected", "rejected", "unreadable", "approved", "rejected", "approved", "unreadable"]


@pytest.fixture
def judged(ines: Client) -> ProcessingSession:
    """Give her completed session of 8 photos."""
    return completed_session(owner_id=ines.session["_auth_user_id"])


def send(client: Client, session: ProcessingSession, step: str, **data: Any) -> Any:
    """Send one of the forms."""
    return client.post(f"/sessions/{session.pk}/results/{step}/", data)


def follow(client: Client, response: Any) -> Any:
    """Open the page to which an act leads."""
    assert response.status_code == 302
    return client.get(response.headers["Location"])


def test_one_photo_is_judged_and_the_page_says_so(ines: Client, judged: ProcessingSession) -> None:
    response = send(ines, judged, "verdict", one="approved 1", verdict="rejected", note="")

    page = follow(ines, response)
    assert response.headers["Location"].endswith("#photo-1")
    assert decisions(judged)[1] == "approved"
    assert "1 photo approved." in page.content.decode()
    assert [frame.position for frame in page.context["gallery"].frames] == [1, 2, 5]
    assert_counts_are_true(judged)


def test_picked_photos_are_judged_together_in_one_audited_act(
    ines: Client, judged: ProcessingSession
) -> None:
    send(ines, judged, "verdict", pick=["1", "5"], say="approved", note="wanted")

    entry = AuditEntry.objects.get(action="override")
    assert [decisions(judged)[position] for position in (1, 5)] == ["approved", "approved"]
    assert (entry.actor, entry.address) == ("ines", "127.0.0.1")
    assert entry.details == {"positions": [1, 5], "verdict": "approved", "note": "wanted", "photos": 2}
    assert_counts_are_true(judged)


def test_undo_beside_what_was_done_restores_everything(ines: Client, judged: ProcessingSession) -> None:
    override(judged, [5], "approved", by="ada", note="mine")
    before = decisions(judged)
    page = follow(ines, send(ines, judged, "verdict", pick=["1", "5", "6"], say="rejected"))

    undone = follow(ines, send(ines, judged, "undo", act=page.context["place"].act))

    assert decisions(judged) == before
    assert "Undone: 3 photos stand as before." in undone.content.decode()
    assert_counts_are_true(judged)


def test_undo_says_what_it_left_alone_and_why(ines: Client, judged: ProcessingSession) -> None:
    page = follow(ines, send(ines, judged, "verdict", pick=["1", "5"], say="approved"))
    override(judged, [5], "rejected", by="ada")
    judged.results.filter(position=1).update(superseded_by=1)

    undone = follow(ines, send(ines, judged, "undo", act=page.context["place"].act))

    assert (
        "Undone: 0 photos stand as before. 2 photos were left alone: something was said of them since, or they "
        "have no result now."
    ) in undone.content.decode()


def test_act_of_a_person_with_the_longest_name_is_said_and_undone() -> None:
    person = make_user("\U00020bb7" * 150)
    client, judged = signed_in(person), completed_session(owner=person)

    page = follow(client, send(client, judged, "verdict", one="approved 1"))
    undone = follow(client, send(client, judged, "undo", act=page.context["place"].act))

    assert "1 photo approved." in page.content.decode()
    assert "Undone: 1 photo stands as before." in undone.content.decode()


def test_photos_page_leads_back_to_itself(ines: Client, judged: ProcessingSession) -> None:
    page = follow(ines, send(ines, judged, "verdict", page="photo", pick=["1"], say="approved", note="fine"))

    assert page.templates[0].name == "processing/photo.html"
    assert page.context["review"].history[0].note == "fine"
    undone = follow(ines, send(ines, judged, "undo", page="photo", pick=["1"], act=page.context["place"].act))
    assert undone.templates[0].name == "processing/photo.html"
    assert decisions(judged) == BEFORE


def test_withdrawal_lets_the_machine_decide_again(ines: Client, judged: ProcessingSession) -> None:
    override(judged, [1], "approved", by="ada")

    follow(ines, send(ines, judged, "verdict", one="withdrawn 1"))

    assert decisions(judged) == BEFORE
    assert Override.objects.order_by("-pk")[0].by == "ines"


def test_all_that_match_are_asked_for_with_their_count_and_then_judged(
    ines: Client, judged: ProcessingSession
) -> None:
    path = f"/sessions/{judged.pk}/results/all/?verdict=rejected&say=approved"
    question = ines.get(path)

    answer = send(ines, judged, "all", verdict="rejected", say="approved", count="3", note="")

    assert "Approve 3 photos?" in question.content.decode()
    assert "Approve all 3" in question.content.decode()
    assert "3 photos approved." in follow(ines, answer).content.decode()
    assert decisions(judged)[1:3] == ["approved", "approved"]
    assert_counts_are_true(judged)
    act = follow(ines, answer).context["place"].act
    send(ines, judged, "undo", act=act)
    assert decisions(judged) == BEFORE


@pytest.mark.parametrize("count", ["", "2", "4"])
def test_all_are_refused_when_their_number_is_another_than_was_shown(
    ines: Client, judged: ProcessingSession, count: str
) -> None:
    response = send(ines, judged, "all", verdict="rejected", say="approved", count=count)

    assert response.status_code == 409
    assert "The number has changed since you were asked." in response.content.decode()
    assert decisions(judged) == BEFORE


def test_all_are_refused_while_photos_are_still_judged(ines: Client) -> None:
    session = sound_session(owner_id=ines.session["_auth_user_id"])

    response = send(ines, session, "all", verdict="rejected", say="approved", count="3")

    assert response.status_code == 409
    assert "The number still changes" in response.content.decode()
    assert Override.objects.count() == 0


REFUSED = [
    {"one": "good 1"},
    {"one": "approved x"},
    {"one": f"approved {'9' * 30}"},
    {"pick": ["1"]},
    {"pick": ["1"], "say": "unreadable"},
    {"say": "approved"},
    {"pick": ["-1"], "say": "approved"},
    {"pick": ["1"] * 121, "say": "approved"},
    {"pick": ["1"], "say": "approved", "note": "n" * 501},
    {"pick": ["1"], "say": "approved", "note": "a\x07b"},
    {"pick": ["1"], "say": "approved", "note": "a\x00b"},
    {"pick": ["1"], "say": "approved", "page": "elsewhere"},
    {"pick": ["1"], "say": "approved", "page": "photo", "note": "n" * 501},
]


@pytest.mark.parametrize("data", REFUSED)
def test_nonsense_is_refused_with_a_sentence_and_changes_nothing(
    ines: Client, judged: ProcessingSession, data: dict[str, Any]
) -> None:
    response = send(ines, judged, "verdict", **data)

    assert response.status_code == 400
    assert "That did not work" in response.content.decode()
    assert (decisions(judged), Override.objects.count()) == (BEFORE, 0)


def test_photo_without_result_is_refused_and_nothing_else_is_changed(
    ines: Client, judged: ProcessingSession
) -> None:
    response = send(ines, judged, "verdict", pick=["1", "99"], say="approved")

    assert response.status_code == 409
    assert "Photo 100 has no verdict yet" in response.content.decode()
    assert Override.objects.count() == 0


@pytest.mark.parametrize("act", ["", "forged", "W10:x:y"])
def test_unknown_act_cannot_be_undone(ines: Client, judged: ProcessingSession, act: str) -> None:
    override(judged, [1], "approved", by="ines")

    response = send(ines, judged, "undo", act=act)

    assert response.status_code == 400
    assert decisions(judged)[1] == "approved"


def test_act_of_another_session_cannot_be_undone_here(ines: Client, judged: ProcessingSession) -> None:
    other = completed_session(owner_id=ines.session["_auth_user_id"])
    act = follow(ines, send(ines, other, "verdict", one="approved 1")).context["place"].act

    assert send(ines, judged, "undo", act=act).status_code == 400
    assert decisions(other)[1] == "approved"


def test_cancelled_session_takes_no_verdict_and_says_why(ines: Client) -> None:
    session = sound_session(owner_id=ines.session["_auth_user_id"])
    session.cancel()

    response = send(ines, session, "verdict", one="approved 1")

    assert response.status_code == 409
    assert "This session was cancelled: its verdicts stay as they are." in response.content.decode()
    assert Override.objects.count() == 0


@pytest.mark.parametrize(("step", "data"), [("verdict", {"one": "approved 1"}), ("undo", {"act": "x"})])
def test_auditor_is_refused_and_the_refusal_is_recorded(
    judged: ProcessingSession, step: str, data: dict[str, str]
) -> None:
    auditor = make_user("auditor")
    auditor.groups.add(Group.objects.get(name="Auditor"))

    response = send(signed_in(auditor), judged, step, **data)

    entry = AuditEntry.objects.get(action="override")
    assert (response.status_code, decisions(judged)) == (403, BEFORE)
    assert (entry.actor, entry.outcome[:8]) == ("auditor", "refused:")


def test_strangers_session_is_not_there(judged: ProcessingSession) -> None:
    other = signed_in(make_user("other"))

    assert send(other, judged, "verdict", one="approved 1").status_code == 404
    assert decisions(judged) == BEFORE
