"""Presets on the page of settings: each rule is a field, and every act is recorded."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from processing.analysis.verdict import ADOBE_STOCK, RULES
from processing.models import Preset
from processing.models.preset import DEFAULT_PRESET
from processing.preset_fields import FIELDS, LABELS, shown_rules, stored_rules
from recovery.audit import ActRefused
from recovery.models import AuditEntry
from recovery.presets import add_preset, change_preset, remove_preset
from tests.people import make_user, signed_in

pytestmark = pytest.mark.django_db
PERSON = {"actor": "otto", "address": None}


@pytest.fixture
def otto() -> Client:
    """A signed-in Operator."""
    user = make_user("otto")
    user.groups.add(Group.objects.get(name="Operator"))
    return signed_in(user)


@pytest.fixture
def preset() -> Preset:
    """A preset that is not the default one."""
    return Preset.objects.create(name="Microstock", rules={"min_megapixels": 6, "focus_min": 0.2})


def recorded() -> list[tuple[str, str, str]]:
    """Give what the audit log says of presets: which, what, and how it ended."""
    entries = AuditEntry.objects.filter(action="preset").order_by("number")
    return [(one.details["preset"], one.details["change"], one.outcome) for one in entries]


def test_rules_have_a_label_each() -> None:
    assert list(LABELS) == [rule.key for rule in RULES]


def test_rules_are_the_same_after_they_were_shown_and_stored() -> None:
    shown = dict.fromkeys((field.key for field in FIELDS), "") | shown_rules(ADOBE_STOCK)

    assert stored_rules(shown) == ADOBE_STOCK
    assert [type(value) for value in stored_rules(shown).values()] == [
        type(value) for value in ADOBE_STOCK.values()
    ]
    assert (shown["max_bytes"], shown["burnt_max"], shown["formats"]) == ("45", "1.4", "JPEG")


def test_form_shows_each_rule_in_its_field(otto: Client, preset: Preset) -> None:
    form = otto.get(f"/settings/presets/{preset.pk}/").context["form"]

    shown = {name: form[name].value() for name in form.fields}
    empty = dict.fromkeys((rule.key for rule in RULES), None)
    assert shown == {"name": "Microstock", **empty, "min_megapixels": "6", "focus_min": "0.2"}


def test_preset_is_added_with_the_rules_that_were_typed(otto: Client) -> None:
    typed = {
        "name": "Editorial",
        "formats": "JPEG, PNG",
        "max_bytes": "12.5",
        "burnt_max": "2",
        "focus_min": "0",
    }

    response = otto.post("/settings/presets/new/", typed, follow=True)

    rules = {"formats": ["JPEG", "PNG"], "max_bytes": 12_500_000, "focus_min": 0, "burnt_max": 0.02}
    assert Preset.objects.get(name="Editorial").rules == rules
    assert "The preset Editorial is saved." in response.content.decode()
    assert recorded() == [("Editorial", "added", "done")]


def test_preset_is_copied_under_a_name_of_its_own(otto: Client, preset: Preset) -> None:
    form = otto.get("/settings/presets/new/", {"copy": preset.pk}).context["form"]

    assert (form["name"].value(), form["min_megapixels"].value()) == ("Microstock, copy", "6")


@pytest.mark.parametrize("copied", ["x", "", "-1", str(10**30), "\0"])
def test_copy_of_what_is_no_preset_is_an_empty_form(otto: Client, copied: str) -> None:
    response = otto.get("/settings/presets/new/", {"copy": copied})

    assert (response.status_code, response.context["form"]["name"].value()) == (200, None)


def test_preset_is_changed_and_may_keep_its_name(otto: Client, preset: Preset) -> None:
    otto.post(f"/settings/presets/{preset.pk}/", {"name": "Microstock", "noise_max": "2.5"})

    preset.refresh_from_db()
    assert preset.rules == {"noise_max": 2.5}
    assert recorded() == [("Microstock", "changed", "done")]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Enter a name, such as Microstock."),
        ("name", "x" * 101, "Ensure this value has at most 100 characters"),
        ("name", "a\x07b", "The name has a character in it that cannot be read"),
        ("name", "a\0b", "Null characters are not allowed."),
        ("name", DEFAULT_PRESET, "There is a preset Adobe Stock already: choose another name."),
        ("focus_min", "sharp", "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("focus_min", "1.1", "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("focus_min", "-1", "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("focus_min", "NaN", "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("focus_min", "1e999999", "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("focus_min", "9" * 5000, "Enter a number from 0 to 1, such as 0.21, or nothing."),
        ("max_bytes", "10001", "Enter a number from 0 to 10000, such as 45, or nothing."),
        ("burnt_max", "101", "Enter a number from 0 to 100, such as 1.4, or nothing."),
        ("formats", ",,", "Enter words separated by commas, such as JPEG, PNG, or nothing."),
        ("formats", "JP\x1bEG", "Enter words separated by commas, such as JPEG, PNG, or nothing."),
        ("formats", "x" * 201, "Ensure this value has at most 200 characters"),
    ],
)
def test_preset_says_beside_the_field_what_is_wrong_and_keeps_what_was_typed(
    otto: Client, preset: Preset, field: str, value: str, sentence: str
) -> None:
    before = list(Preset.objects.order_by("pk").values())

    response = otto.post(
        f"/settings/presets/{preset.pk}/", {"name": "Microstock", "noise_max": "3", field: value}
    )

    form = response.context["form"]
    assert response.status_code == 400
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert form["noise_max"].value() == "3"
    assert f'id="id_{field}_error"' in response.content.decode()
    assert list(Preset.objects.order_by("pk").values()) == before


def test_removed_preset_comes_back_by_undo(otto: Client, preset: Preset) -> None:
    removed = otto.post(f"/settings/presets/{preset.pk}/delete/", follow=True)
    were_there = Preset.objects.filter(name="Microstock").exists()
    restored = otto.post("/settings/presets/restore/", follow=True)
    again = otto.post("/settings/presets/restore/")

    assert "The preset Microstock is removed" in removed.content.decode()
    assert "The preset Microstock is back." in restored.content.decode()
    assert (were_there, Preset.objects.get(name="Microstock").rules) == (False, preset.rules)
    assert again.status_code == 409
    assert recorded() == [("Microstock", "removed", "done"), ("Microstock", "added", "done")]


def test_undo_says_so_when_the_name_is_taken_meanwhile(otto: Client, preset: Preset) -> None:
    otto.post(f"/settings/presets/{preset.pk}/delete/")
    Preset.objects.create(name="Microstock", rules={})

    response = otto.post("/settings/presets/restore/")
    Preset.objects.filter(name="Microstock").update(name="Other")
    still = otto.post("/settings/presets/restore/")

    assert response.status_code == 409
    assert "There is a preset &#x27;Microstock&#x27; already" in response.content.decode()
    assert still.status_code == 302
    assert Preset.objects.get(name="Microstock").rules == preset.rules


def test_second_of_two_who_remove_a_preset_is_told_and_recorded_so(preset: Preset) -> None:
    seen = Preset.objects.get(pk=preset.pk)
    remove_preset(preset, actor="otto")

    with pytest.raises(ActRefused, match="is not there any more: somebody has removed it"):
        remove_preset(seen, actor="eve")

    assert [outcome[:7] for _name, _change, outcome in recorded()] == ["done", "refused"]


def test_default_preset_is_not_removed_and_keeps_its_name(otto: Client) -> None:
    default = Preset.objects.get(name=DEFAULT_PRESET)

    removed = otto.post(f"/settings/presets/{default.pk}/delete/")
    otto.post(f"/settings/presets/{default.pk}/", {"name": "Mine", "focus_min": "0.3"})

    default.refresh_from_db()
    assert removed.status_code == 409
    assert "Adobe Stock&#x27; stays: sessions get it when nobody names another." in removed.content.decode()
    assert (default.name, default.rules) == (DEFAULT_PRESET, {"focus_min": 0.3})
    assert [outcome[:7] for _name, _change, outcome in recorded()] == ["refused", "done"]


def test_preset_that_is_gone_is_not_found(otto: Client, preset: Preset) -> None:
    preset.delete()
    paths = [f"/settings/presets/{preset_id}/" for preset_id in (preset.pk or 10**6, 10**6, 10**30)]

    assert [otto.get(path).status_code for path in paths] == [404] * 3
    assert [otto.post(f"{path}delete/").status_code for path in paths] == [404] * 3


@pytest.mark.parametrize("role", ["Viewer", "Auditor", None])
def test_preset_is_refused_to_other_roles_and_that_is_recorded(role: str | None, preset: Preset) -> None:
    user = make_user("eve")
    user.groups.set(Group.objects.filter(name=role))
    browser = signed_in(user)
    paths = ["new/", f"{preset.pk}/", f"{preset.pk}/delete/", "restore/"]

    answers = [browser.post(f"/settings/presets/{path}", {"name": "X"}) for path in paths]

    page = browser.get("/settings/").content.decode()
    refused = AuditEntry.objects.filter(action="preset").values_list("actor", "outcome")
    assert [answer.status_code for answer in answers] == [403] * 4
    assert list(refused) == [("eve", "refused: Your role does not allow changing presets.")] * 4
    assert "Your role does not allow changing presets." in answers[0].content.decode()
    assert "your role can use them as they are" in page
    assert "/delete/" not in page
    assert Preset.objects.filter(name="Microstock").exists()


def test_list_asks_as_many_queries_for_many_presets_as_for_few(
    otto: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        Preset.objects.create(name=f"Preset {number}", rules={})

    with django_assert_max_num_queries(9):
        otto.get("/settings/")


def test_preset_added_twice_at_once_is_refused_with_a_sentence(preset: Preset) -> None:
    with pytest.raises(ActRefused, match="There is a preset 'Microstock' already"):
        add_preset("Microstock", {}, **PERSON)

    assert [outcome[:7] for _name, _change, outcome in recorded()] == ["refused"]


def test_preset_changed_after_somebody_removed_it_is_refused(preset: Preset) -> None:
    stale = Preset.objects.get(pk=preset.pk)
    remove_preset(preset, **PERSON)

    with pytest.raises(ActRefused, match="somebody has removed it"):
        change_preset(stale, "Microstock", {}, **PERSON)

    assert not Preset.objects.filter(name="Microstock").exists()


def test_default_preset_is_not_renamed_behind_the_form() -> None:
    with pytest.raises(ActRefused, match="keeps its name"):
        change_preset(Preset.objects.get(name=DEFAULT_PRESET), "Mine", {}, **PERSON)
