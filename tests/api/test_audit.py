"""REST of the audit log and of presets."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from processing.keys import TAG_BYTES
from processing.models import Preset
from recovery import audit, entries
from recovery.models import AuditEntry
from recovery.published import entry_of
from tests.api.asking import post, script, told
from tests.people import make_user
from tests.tampering import change, make_entries

pytestmark = pytest.mark.django_db
AUDIT, VERIFY, PRESETS = "/api/v1/audit", "/api/v1/audit/verify", "/api/v1/presets"
RULES = {"formats": ["JPEG"], "min_megapixels": 4}


@pytest.fixture(autouse=True)
def _nothing_verified() -> None:
    """Forget what other tests have verified."""
    cache.clear()


@pytest.fixture
def audrey(db: None) -> Client:
    """An auditor's script."""
    user = make_user("audrey")
    user.groups.add(Group.objects.get(name="Auditor"))
    return script(user)


def numbers(client: Client, **query: Any) -> list[int]:
    """Give the numbers of the entries on a page."""
    return [entry["number"] for entry in client.get(AUDIT, query).json()["items"]]


def test_entries_are_those_that_the_export_prints_newest_first(audrey: Client) -> None:
    make_entries(3)

    first = audrey.get(AUDIT, {"limit": 2}).json()
    second = audrey.get(AUDIT, {"limit": 2, "after": first["next"]}).json()

    stored = [entry_of(entry) for entry in AuditEntry.objects.order_by("-number")]
    assert first["items"] + second["items"] == stored
    assert (len(first["items"]), second["next"]) == (2, None)


def test_person_sees_own_acts_and_those_on_own_sessions(ines: Client, owner: User, session: Any) -> None:
    audit.record("pin", actor="other")
    post(ines, f"/api/v1/sessions/{session.pk}/pause")

    assert [entry["action"] for entry in ines.get(AUDIT).json()["items"]] == ["pause"]


def test_entries_are_filtered(ines: Client, audrey: Client, session: Any) -> None:
    audit.record("pin", actor="other")
    post(ines, f"/api/v1/sessions/{session.pk}/pause")
    newest = AuditEntry.objects.order_by("-number")[0].number

    assert numbers(audrey, actor="ines") == [newest]
    assert numbers(audrey, action="pause", session=str(session.pk)) == [newest]
    assert numbers(audrey, action="cancel") == []


@pytest.mark.parametrize(
    "query",
    [{"action": "sing"}, {"session": "x"}, {"after": 0}, {"after": 2**63}, {"actor": "a\0"}, {"limit": 999}],
)
def test_entries_are_not_listed_for_a_query_that_makes_no_sense(
    audrey: Client, query: dict[str, Any]
) -> None:
    told(audrey.get(AUDIT, query), 422, "usage")


def test_log_as_it_was_written_is_verified_with_and_without_an_older_head(audrey: Client) -> None:
    macs = make_entries(3)

    found = post(audrey, VERIFY).json()
    with_head = post(audrey, VERIFY, {"head": macs[0].hex()}).json()

    assert found == {
        "ok": True,
        "entries": 3,
        "first_bad": None,
        "head": macs[2].hex(),
        "problems": [],
    }
    assert with_head == found


def test_log_that_was_changed_or_put_back_is_told(audrey: Client) -> None:
    make_entries(3)

    put_back = post(audrey, VERIFY, {"head": "0" * 2 * TAG_BYTES}).json()
    remembered = entries.verified()
    change(2, actor="somebody")
    changed = post(audrey, VERIFY).json()

    assert (put_back["ok"], len(put_back["problems"]), remembered) == (False, 1, None)
    assert (changed["ok"], changed["first_bad"], len(changed["problems"])) == (False, 2, 1)


def test_log_that_is_too_long_is_left_to_the_command(audrey: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_entries(1)
    monkeypatch.setattr(entries, "VERIFIED_MAX", 0)

    assert told(post(audrey, VERIFY), 409, "refused")["hint"] == "`manage.py audit verify` reads it whole."


def test_log_is_verified_only_by_who_audits(ines: Client) -> None:
    told(post(ines, VERIFY), 403, "forbidden")


@pytest.mark.parametrize("body", [{"head": "x"}, {"head": 7}, {"head": "AB" * TAG_BYTES}, {"tail": None}])
def test_log_is_not_verified_for_a_head_that_is_none(audrey: Client, body: dict[str, Any]) -> None:
    told(post(audrey, VERIFY, body), 422, "usage")


def test_presets_are_listed_by_name_page_by_page(ines: Client) -> None:
    Preset.objects.create(name="Microstock", rules=RULES)

    first = ines.get(PRESETS, {"limit": 1}).json()
    second = ines.get(PRESETS, {"limit": 1, "after": first["next"]}).json()

    assert [(one["name"], one["is_default"]) for one in first["items"]] == [("Adobe Stock", True)]
    assert second == {
        "items": [{"name": "Microstock", "rules": RULES, "is_default": False}],
        "next": None,
    }


@pytest.fixture
def opal(db: None) -> Client:
    """An operator's script."""
    user = make_user("opal")
    user.groups.add(Group.objects.get(name="Operator"))
    return script(user)


def test_preset_is_added_and_recorded(opal: Client) -> None:
    response = post(opal, PRESETS, {"name": "Microstock", "rules": RULES})

    entry = AuditEntry.objects.get()
    assert (response.status_code, response.json()["rules"]) == (201, RULES)
    assert Preset.objects.get(name="Microstock").rules == RULES
    assert (entry.action, entry.actor, entry.details["change"]) == ("preset", "opal", "added")


def test_preset_whose_name_is_taken_is_refused(opal: Client) -> None:
    told(post(opal, PRESETS, {"name": "Adobe Stock", "rules": RULES}), 409, "refused")

    assert Preset.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A"},
        {"name": "", "rules": RULES},
        {"name": "A", "rules": []},
        {"name": "A", "rules": {"x": 1}},
        {"name": "a\u200bb", "rules": RULES},
        {"name": "A", "rules": {"formats": ["a\nb"]}},
        {"name": "A", "rules": {"min_megapixels": float("nan")}},
        {"name": "A" * 101, "rules": RULES},
        {"name": "A", "rules": {"formats": ["J" * 10000]}},
    ],
)
def test_preset_that_makes_no_sense_is_not_added(opal: Client, body: dict[str, Any]) -> None:
    told(post(opal, PRESETS, body), 422, "usage")

    assert Preset.objects.count() == 1


def test_preset_is_not_added_by_whose_role_does_not_allow_it(audrey: Client) -> None:
    told(post(audrey, PRESETS, {"name": "Mine", "rules": RULES}), 403, "forbidden")

    assert AuditEntry.objects.get().outcome.startswith("refused: ")
