"""REST of photos: listed, shown, overruled one by one and all that match."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing import looking
from processing.models import ProcessingSession
from processing.overriding import override, shift_of
from processing.published import images_of
from recovery.models import AuditEntry
from tests.api.asking import patch, post, script, told
from tests.people import make_user
from tests.recovery.sound import completed_session

pytestmark = pytest.mark.django_db


def place(session: ProcessingSession, rest: str = "") -> str:
    """Give the address of a session's photos, or of one."""
    return f"/api/v1/sessions/{session.pk}/results{rest}"


def overrides(session: ProcessingSession) -> str:
    """Give the address at which all that match are overruled."""
    return f"/api/v1/sessions/{session.pk}/overrides"


def pages(client: Client, session: ProcessingSession, **query: Any) -> list[list[dict[str, Any]]]:
    """Read a list to its end, page by page."""
    read, after = [], None
    while True:
        body = client.get(place(session), query | ({} if after is None else {"after": after})).json()
        read.append(body["items"])
        after = body["next"]
        if after is None:
            return read


def positions(found: list[list[dict[str, Any]]]) -> list[list[int]]:
    """Give the positions on each page."""
    return [[image["position"] for image in page] for page in found]


@pytest.fixture
def compared(owner: User) -> ProcessingSession:
    """A completed session of the owner; photo 2 is a duplicate of photo 0."""
    return completed_session(owner=owner)


def test_photos_are_those_that_the_command_prints(ines: Client, compared: ProcessingSession) -> None:
    override(compared, [1], "approved", by="ines", note="the grain is wanted")

    found = pages(ines, compared)

    assert found == [list(images_of(compared))]
    assert found[0][1]["override"] == {"verdict": "approved", "note": "the grain is wanted"}


def test_photos_come_page_by_page(ines: Client, session: ProcessingSession) -> None:
    assert positions(pages(ines, session, limit=4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ("approved", ""),
        ("rejected", ""),
        ("unreadable", ""),
        ("quarantined", ""),
        ("", "noise"),
        ("rejected", "noise"),
        ("", "duplicate"),
        ("rejected", "duplicate"),
        ("approved", "noise"),
    ],
)
def test_photos_are_filtered_as_by_the_command(
    ines: Client, compared: ProcessingSession, verdict: str, reason: str
) -> None:
    query = {name: text for name, text in (("verdict", verdict), ("reason", reason)) if text}

    found = pages(ines, compared, limit=1, **query)

    assert [image for page in found for image in page] == list(images_of(compared, verdict, reason))


def test_page_is_short_but_leads_on_when_what_is_asked_for_is_rare(
    ines: Client, compared: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "POSITIONS_MAX", 2)

    assert positions(pages(ines, compared, verdict="unreadable")) == [[], [3], [], [7]]


def test_list_costs_the_same_number_of_queries_however_many_photos(
    ines: Client, compared: ProcessingSession
) -> None:
    counts = []
    for limit in (1, 3):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            ines.get(place(compared), {"limit": limit, "verdict": "approved"})
        counts.append(len(captured))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "query",
    [
        {"verdict": "fine"},
        {"reason": "a b"},
        {"reason": "x" * 41},
        {"reason": "a\x00"},
        {"after": -1},
        {"after": 10**30},
        {"after": "x"},
        {"limit": 0},
        {"limit": 201},
    ],
)
def test_list_refuses_a_query_that_makes_no_sense(
    ines: Client, session: ProcessingSession, query: dict[str, Any]
) -> None:
    told(ines.get(place(session), query), 422, "usage")


def test_photo_is_shown(ines: Client, session: ProcessingSession) -> None:
    assert ines.get(place(session, "/1")).json() == list(images_of(session))[1]


@pytest.mark.parametrize(
    ("position", "status"), [("10", 404), ("999999999999", 404), ("-1", 422), ("x", 422)]
)
def test_photo_that_has_no_result_is_not_there(
    ines: Client, session: ProcessingSession, position: str, status: int
) -> None:
    told(ines.get(place(session, f"/{position}")), status, "not_found" if status == 404 else "usage")


def test_person_overrules_the_machine_and_takes_that_back(ines: Client, session: ProcessingSession) -> None:
    said = patch(ines, place(session, "/1"), {"verdict": "approved", "note": "the grain is wanted"})
    session.refresh_from_db()
    shift = session.shift
    withdrawn = patch(ines, place(session, "/1"), {"verdict": None})

    session.refresh_from_db()
    entries = AuditEntry.objects.order_by("number")
    assert said.json()["override"] == {"verdict": "approved", "note": "the grain is wanted"}
    assert (said.json()["verdict"], shift) == ("rejected", {"approved": 1, "rejected": -1})
    assert (withdrawn.json()["override"], session.shift) == (None, {})
    assert [(one.action, one.actor, one.address) for one in entries] == [
        ("override", "ines", "127.0.0.1"),
        ("override", "ines", "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "unreadable"},
        {"verdict": ""},
        {"verdict": True},
        {"verdict": "approved", "note": 1},
        {"verdict": "approved", "note": "a\nb"},
        {"verdict": "approved", "note": "x" * 501},
    ],
)
def test_verdict_that_makes_no_sense_changes_nothing(
    ines: Client, session: ProcessingSession, body: dict[str, Any]
) -> None:
    told(patch(ines, place(session, "/1"), body), 422, "usage")

    assert not AuditEntry.objects.exists()


def test_photo_without_a_verdict_cannot_be_overruled(ines: Client, session: ProcessingSession) -> None:
    found = told(patch(ines, place(session, "/11"), {"verdict": "approved"}), 404, "not_found")

    assert found["session"] == str(session.pk)


def test_photos_of_a_cancelled_session_stay_as_they_are(ines: Client, session: ProcessingSession) -> None:
    session.cancel()

    told(patch(ines, place(session, "/1"), {"verdict": "approved"}), 409, "refused")
    told(post(ines, overrides(session), {"verdict": "approved"}), 409, "refused")


def test_all_that_match_are_overruled_and_taken_back(ines: Client, session: ProcessingSession) -> None:
    asked = {"verdict": "approved", "verdict_is": "rejected", "reason": "noise", "note": "wanted"}

    said = post(ines, overrides(session), asked)
    decisions = list(session.results.order_by("position").values_list("decision", flat=True))
    withdrawn = post(ines, overrides(session), {"verdict": None})

    session.refresh_from_db()
    assert said.json() == {
        "session": str(session.pk),
        "position": None,
        "verdict": "approved",
        "note": "wanted",
        "photos": 3,
    }
    assert decisions == [*["approved"] * 3, "unreadable"] * 2 + ["approved"] * 2
    assert withdrawn.json()["photos"] == 3
    assert session.shift == shift_of(session) == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "approved", "verdict_is": "fine"},
        {"verdict": "approved", "reason": "a%b"},
        {"verdict": "approved", "position": 1},
        {"verdict": 1},
        [],
        "approved",
        None,
    ],
)
def test_wish_for_all_that_makes_no_sense_changes_nothing(
    ines: Client, session: ProcessingSession, body: Any
) -> None:
    told(post(ines, overrides(session), body), 422, "usage")

    assert not AuditEntry.objects.exists()


def test_who_may_only_look_gives_no_verdict_and_that_is_recorded(session: ProcessingSession) -> None:
    auditor = make_user("audrey")
    auditor.groups.add(Group.objects.get(name="Auditor"))

    told(patch(script(auditor), place(session, "/1"), {"verdict": "approved"}), 403, "forbidden")
    told(post(script(auditor), overrides(session), {"verdict": "approved"}), 403, "forbidden")

    assert AuditEntry.objects.filter(action="override", outcome__startswith="refused").count() == 2
    assert session.results.exclude(decision="approved").exists()
