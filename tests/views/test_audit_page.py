"""The audit page: who sees which entries, filters, verification, and the files that are taken out."""

import csv
import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing.models import ProcessingSession
from recovery import entries
from recovery.audit import record
from recovery.models import AuditEntry
from tests.factories import make_session
from tests.people import make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_verified() -> None:
    """Forget what other tests have verified."""
    cache.clear()


@pytest.fixture
def ines(db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


@pytest.fixture
def audrey(db: None) -> Client:
    """A signed-in auditor."""
    user = make_user("audrey")
    user.groups.add(Group.objects.get(name="Auditor"))
    return signed_in(user)


def note(action: str, actor: str, session: ProcessingSession | None = None, **facts: Any) -> AuditEntry:
    """Add an entry."""
    with transaction.atomic():
        return record(action, actor=actor, session=session.pk if session else None, **facts)


def shown(client: Client, query: str = "") -> list[int]:
    """Give the numbers of the entries on a page."""
    return [line.entry.number for line in client.get(f"/audit/?{query}").context["lines"]]


def test_auditor_sees_all_and_others_what_concerns_them(ines: Client, audrey: Client) -> None:
    mine = make_session(owner=User.objects.get(username="ines"))
    theirs = make_session(owner=make_user("other"))
    first, second = note("pause", "audrey", mine), note("pause", "other", theirs)
    third, fourth = note("preset", "ines"), note("preset", "other")

    seen = shown(ines)

    assert first.number in seen
    assert third.number in seen
    assert second.number not in seen
    assert fourth.number not in seen
    assert {first.number, second.number, third.number, fourth.number} <= set(shown(audrey))


def test_filters_narrow_by_person_action_session_and_day(audrey: Client) -> None:
    session = make_session()
    paused = note("pause", "ines", session, details={"why": "the cable"})
    note("resume", "ines", session)
    note("pause", "tom")

    day = paused.at.date().isoformat()

    assert shown(audrey, f"who=ines&action=pause&session={session.pk}&first={day}&last={day}") == [
        paused.number
    ]
    assert shown(audrey, f"session={str(session.pk)[:8]}&action=pause") == [paused.number]
    assert shown(audrey, "who=ines&last=2001-01-01") == []


def test_refusal_is_told_with_its_reason(audrey: Client) -> None:
    note("recover", "tom", outcome="refused: not confirmed", details={"option": "fresh_start"})

    line = audrey.get("/audit/?who=tom").context["lines"][0]

    assert (line.action, line.look, line.outcome) == ("Recovery", "refused", "refused")
    assert line.details == "not confirmed; option fresh_start"


def test_pages_lead_on_without_loss(audrey: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "ENTRIES_PER_PAGE", 3)
    numbers = [note("preset", "tom").number for _ in range(7)]

    first = shown(audrey, "who=tom")
    second = shown(audrey, f"who=tom&before={first[-1]}")
    third = shown(audrey, f"who=tom&before={second[-1]}")

    assert [*first, *second, *third] == numbers[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "action=nonsense",
        "first=yesterday",
        "first=0001-01-01",
        "last=9999-12-31",
        "session=zz",
        "session=%00",
        "before=-1",
        "before=" + "9" * 40,
        "who=" + "x" * 151,
    ],
)
def test_bad_filter_is_answered_with_a_sentence(audrey: Client, query: str) -> None:
    response = audrey.get(f"/audit/?{query}")

    assert response.status_code == 400
    assert f'id="{query.split("=")[0]}-error"' in response.content.decode()


def test_prefix_of_somebody_elses_session_names_nothing(ines: Client) -> None:
    theirs = make_session(owner=make_user("other"))

    assert ines.get(f"/audit/?session={str(theirs.pk)[:8]}").status_code == 400


def test_verification_says_how_far_it_went_and_what_it_found(audrey: Client) -> None:
    number = note("preset", "tom").number
    before = audrey.get("/audit/").content.decode()

    audrey.post("/audit/verify/")
    note("preset", "tom")
    after = audrey.get("/audit/").content.decode()

    assert "The chain has not been verified since the server started" in before
    assert f"Chain verified to entry {number}" in after
    assert "1 entry was written since." in after


def test_verification_shows_damage(audrey: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    note("preset", "tom")
    damaged = entries.Verified(1, note("preset", "tom").at, 0.1, ["Entry 1 was changed."])
    cache.set(entries.VERIFIED, damaged)

    page = audrey.get("/audit/").content.decode()

    assert "The log is not as it was written" in page
    assert "Entry 1 was changed." in page


def test_long_log_is_left_to_the_command(audrey: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "VERIFIED_MAX", 0)
    note("preset", "tom")

    page = audrey.post("/audit/verify/", follow=True).content.decode()

    assert "manage.py audit verify" in page
    assert entries.verified() is None


def test_only_those_who_audit_may_verify(ines: Client) -> None:
    assert ines.post("/audit/verify/").status_code == 403
    assert "Verify now" not in ines.get("/audit/").content.decode()


def test_exports_hold_what_the_filter_asks_for_and_are_audited(audrey: Client) -> None:
    numbers = [note("preset", "=tom", details={"preset": "Ä"}).number for _ in range(3)]
    note("preset", "ines")

    lines = b"".join(audrey.get("/audit/export/jsonl/?who=%3Dtom").streaming_content).decode().splitlines()
    sheet = b"".join(audrey.get("/audit/export/csv/?who=%3Dtom").streaming_content).decode()

    assert [json.loads(line)["number"] for line in lines] == numbers
    assert json.loads(lines[0])["details"] == {"preset": "Ä"}
    rows = list(csv.DictReader(StringIO(sheet)))
    assert [row["number"] for row in rows] == [str(number) for number in numbers]
    assert {row["actor"] for row in rows} == {"'=tom"}
    assert AuditEntry.objects.filter(action="export", actor="audrey").count() == 2


def test_export_of_another_format_is_not_found(audrey: Client) -> None:
    assert audrey.get("/audit/export/xlsx/").status_code == 404
    assert audrey.get("/audit/export/csv/?first=never").status_code == 400


def test_page_costs_as_many_queries_with_many_entries_as_with_few(audrey: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert audrey.get("/audit/").status_code == 200
        return len(captured)

    note("pause", "tom", make_session())
    cost()
    few = cost()
    for _ in range(60):
        note("pause", "tom", make_session())

    assert cost() == few
