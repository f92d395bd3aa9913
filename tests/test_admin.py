"""The administration: presets can be edited, the rest can only be looked at."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.admin import CappedPaginator, MachineRowAdmin
from processing import tokens
from processing.models import (
    ApiToken,
    Batch,
    ImageResult,
    Override,
    Preset,
    ProcessingSession,
    Scope,
    SkippedEntry,
    Worker,
)
from processing.models.preset import DEFAULT_PRESET
from recovery import audit
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from tests.factories import (
    make_batch,
    make_checkpoint,
    make_crash,
    make_results,
    make_session,
    make_worker,
    no_seal,
)
from tests.people import PASSWORD, make_user, signed_in, statements
from tests.racing import overlap

pytestmark = pytest.mark.django_db
MACHINE_ROWS: list[type[models.Model]] = [
    ProcessingSession,
    Batch,
    ImageResult,
    Worker,
    SkippedEntry,
    Override,
    Checkpoint,
    Crash,
    RecoveryAttempt,
    AuditEntry,
    ApiToken,
]


@pytest.fixture
def boss() -> Client:
    """A signed-in superuser."""
    return signed_in(make_user("boss", is_superuser=True))


def make_rows() -> dict[type[models.Model], models.Model]:
    """Make one row of each kind that the machine writes."""
    session = make_session(total=4)
    worker = make_worker()
    batch = make_batch(session=session, worker=worker)
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    return {
        ProcessingSession: session,
        Batch: batch,
        ImageResult: ImageResult.objects.get(),
        Worker: worker,
        SkippedEntry: SkippedEntry.objects.create(session=session, path=b"a", path_text="a", reason="link"),
        Override: Override.objects.create(
            session=session, position=0, content="a", old="approved", new="rejected"
        ),
        Checkpoint: make_checkpoint(session=session),
        Crash: make_crash(worker=worker, session=session),
        RecoveryAttempt: RecoveryAttempt.objects.create(session=session, number=1, option="continue"),
        AuditEntry: audit.record("pin", actor="ines"),
        ApiToken: tokens.make(make_user("ines"), [Scope.READ])[0],
    }


def address(model: type[models.Model], page: str, *arguments: object) -> str:
    """Address of a page of the administration."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


@pytest.mark.parametrize("model", MACHINE_ROWS)
def test_machine_rows_can_be_looked_at_but_not_touched_by_a_superuser(
    boss: Client, model: type[models.Model]
) -> None:
    row = make_rows()[model]
    before = model._default_manager.values().get(pk=row.pk)

    listed = boss.get(address(model, "changelist"))
    shown = boss.get(address(model, "change", row.pk))
    changed = boss.post(address(model, "change", row.pk), {"_save": "Save"})
    added = boss.get(address(model, "add"))
    deleted = boss.post(address(model, "delete", row.pk), {"post": "yes"})

    assert (listed.status_code, shown.status_code) == (200, 200)
    assert 'name="_save"' not in shown.content.decode()
    assert [changed.status_code, added.status_code, deleted.status_code] == [403, 403, 403]
    assert model._default_manager.values().get(pk=row.pk) == before


def test_every_model_of_ours_but_the_preset_is_read_only() -> None:
    ours = {
        model
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label in ("processing", "recovery") and isinstance(model_admin, MachineRowAdmin)
    }

    assert ours == set(MACHINE_ROWS)
    assert not isinstance(admin.site._registry[Preset], MachineRowAdmin)


def test_queue_has_no_place_in_the_administration() -> None:
    assert [model for model in admin.site._registry if model._meta.app_label == "django_q"] == []


@pytest.mark.parametrize("model", MACHINE_ROWS)
def test_machine_rows_are_never_counted_to_the_last(boss: Client, model: type[models.Model]) -> None:
    make_rows()

    with CaptureQueriesContext(connection) as captured:
        boss.get(address(model, "changelist"))

    counting = [sql for sql in statements(captured) if "COUNT(" in sql and model._meta.db_table in sql]
    assert len(counting) == 1
    assert "LIMIT 5000" in counting[0]


def test_capped_paginator_counts_what_it_shows() -> None:
    session = make_session()
    for _ in range(3):
        make_batch(session=session)

    paginator = CappedPaginator(Batch.objects.order_by("-pk"), 2)

    assert (paginator.count, paginator.num_pages) == (3, 2)


def test_lists_ask_as_many_queries_for_three_rows_as_for_one(boss: Client) -> None:
    session = make_session()
    counted = []
    for rows_count in (1, 3):
        while Batch.objects.count() < rows_count:
            make_batch(session=session, worker=make_worker())
        with CaptureQueriesContext(connection) as captured:
            boss.get(address(Batch, "changelist"))
        counted.append(len(statements(captured)))

    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    ("searched", "found"), [("{session}", [2]), ("eve", [3]), ("resume", [3]), ("a", [2])]
)
def test_audit_log_is_searched_by_session_actor_and_action(
    boss: Client, searched: str, found: list[int]
) -> None:
    session = make_session()
    audit.record("pause", actor="ines", session=session.pk)
    audit.record("resume", actor="eve", outcome="refused: a")

    words = searched.format(session=str(session.pk)[:13])
    page = boss.get(address(AuditEntry, "changelist"), {"q": words})

    assert [entry.number for entry in page.context["cl"].result_list] == found


def test_audit_log_is_refused_to_staff_that_may_view_everything_else() -> None:
    staff = make_user("clerk", is_staff=True)
    staff.user_permissions.set(
        Permission.objects.exclude(codename__in=["audit_sessions", "administer_sessions"])
    )
    browser = signed_in(staff)
    entry = audit.record("pin", actor="ines")

    listed = browser.get(address(AuditEntry, "changelist"))
    shown = browser.get(address(AuditEntry, "change", entry.pk))

    assert (listed.status_code, shown.status_code) == (403, 403)
    assert browser.get(address(Batch, "changelist")).status_code == 200


@pytest.mark.parametrize(
    "model", [model for model in MACHINE_ROWS if model not in (Worker, AuditEntry, ApiToken)]
)
def test_administration_shows_rows_of_own_sessions_only(model: type[models.Model]) -> None:
    row = make_rows()[model]
    staff = make_user("clerk", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    browser = signed_in(staff)

    others = browser.get(address(model, "changelist")).context["cl"].result_list
    theirs = browser.get(address(model, "change", row.pk))
    ProcessingSession.objects.update(owner=staff)
    own = browser.get(address(model, "changelist")).context["cl"].result_list

    assert list(others) == []
    assert (theirs.status_code, theirs.headers["Location"]) == (302, "/admin/")
    assert list(own) == [row]


def test_worker_tells_nothing_of_the_sessions_of_others(boss: Client) -> None:
    session = make_session(name="Wedding of Ines")
    telemetry = {"photo": "veil.jpg"}
    worker = make_worker(serves=session, lane_session=session, telemetry=telemetry)
    staff = make_user("clerk", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    path = address(Worker, "change", worker.pk)

    shown, whole = (browser.get(path).content.decode() for browser in (signed_in(staff), boss))

    told = ("Wedding of Ines", "veil.jpg", worker.token)
    assert [text in shown for text in (*told, worker.host)] == [False, False, False, True]
    assert [text in whole for text in told] == [True, True, True]


@pytest.mark.parametrize("role", ["Auditor", "Administrator"])
def test_administration_lets_roles_in_that_see_everything(role: str) -> None:
    row = make_rows()[AuditEntry]
    user = make_user("role")
    user.groups.add(Group.objects.get(name=role))
    browser = signed_in(user)

    assert browser.get("/admin/").status_code == 200
    assert browser.get(address(AuditEntry, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("role", ["Viewer", "Operator", None])
def test_administration_keeps_others_out(role: str | None) -> None:
    user = make_user("role", password=PASSWORD)
    user.groups.set(Group.objects.filter(name=role))

    typed = {"username": "role", "password": PASSWORD}
    page = Client().post("/admin/login/", typed)

    assert signed_in(user).get("/admin/").headers["Location"] == "/admin/login/?next=/admin/"
    assert (page.status_code, page.context["user"].is_authenticated) == (200, False)


def test_administration_lets_an_auditor_sign_in_at_its_own_door() -> None:
    make_user("eva", password=PASSWORD).groups.add(Group.objects.get(name="Auditor"))

    page = Client().post("/admin/login/?next=/admin/", {"username": "eva", "password": PASSWORD})

    assert (page.status_code, page.headers["Location"]) == (302, "/admin/")


def test_administration_is_refused_when_the_person_is_no_staff() -> None:
    response = signed_in(make_user()).get("/admin/")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


def test_preset_is_saved_when_its_rules_are_right(boss: Client) -> None:
    response = boss.post(
        address(Preset, "add"), {"name": "Microstock", "rules": json.dumps({"min_megapixels": 6})}
    )

    assert response.status_code == 302
    assert Preset.objects.get(name="Microstock").rules == {"min_megapixels": 6}


def presets_recorded() -> list[tuple[str, str | None, dict[str, Any]]]:
    """Give what the audit log says of presets: by whom, from where, what."""
    entries = AuditEntry.objects.filter(action="preset").order_by("number")
    return list(entries.values_list("actor", "address", "details"))


@pytest.mark.django_db(transaction=True)
def test_preset_says_that_its_name_is_taken_when_two_are_saved_at_once() -> None:
    rules = {"min_megapixels": 6}
    browser = signed_in(make_user("boss", is_superuser=True))

    response = overlap(
        lambda: Preset.objects.create(name="Microstock", rules=rules),
        lambda: browser.post(address(Preset, "add"), {"name": "Microstock", "rules": json.dumps(rules)}),
    )

    assert response.status_code == 200
    assert "Preset with this Name already exists." in response.content.decode()
    assert Preset.objects.filter(name="Microstock").count() == 1


def test_preset_is_recorded_when_it_is_added_changed_and_removed(boss: Client) -> None:
    form = {"name": "Microstock", "rules": json.dumps({"min_megapixels": 6})}
    boss.post(address(Preset, "add"), form)
    preset = Preset.objects.get(name="Microstock")
    boss.post(address(Preset, "change", preset.pk), form | {"rules": json.dumps({"focus_min": 0.2})})
    boss.post(address(Preset, "delete", preset.pk), {"post": "yes"})

    said = [
        {"preset": "Microstock", "change": "added", "rules": {"min_megapixels": 6}},
        {"preset": "Microstock", "change": "changed", "rules": {"focus_min": 0.2}},
        {"preset": "Microstock", "change": "removed", "rules": {"focus_min": 0.2}},
    ]
    assert presets_recorded() == [("boss", "127.0.0.1", details) for details in said]
    assert not Preset.objects.filter(name="Microstock").exists()


def test_default_preset_is_neither_renamed_nor_removed(boss: Client) -> None:
    preset = Preset.objects.get(name=DEFAULT_PRESET)
    ticked = {"action": "delete_selected", "_selected_action": [preset.pk], "post": "yes"}

    removed = boss.post(address(Preset, "delete", preset.pk), {"post": "yes"})
    together = boss.post(address(Preset, "changelist"), ticked)
    renamed = boss.post(address(Preset, "change", preset.pk), {"name": "Mine", "rules": "{}"})

    outcomes = AuditEntry.objects.filter(action="preset").values_list("outcome", flat=True)
    assert (removed.status_code, together.status_code, renamed.status_code) == (403, 403, 200)
    assert "This preset keeps its name, Adobe Stock" in renamed.content.decode()
    assert Preset.objects.get(pk=preset.pk).rules == preset.rules
    assert set(outcomes) == {"refused: The role of this person does not allow it."}


def test_presets_are_recorded_each_when_they_are_removed_together(boss: Client) -> None:
    presets = [Preset.objects.create(name=name, rules={}) for name in ("One", "Two")]

    ticked = {"action": "delete_selected", "_selected_action": [one.pk for one in presets], "post": "yes"}
    boss.post(address(Preset, "changelist"), ticked)

    assert [details["preset"] for _actor, _address, details in presets_recorded()] == ["One", "Two"]
    assert not Preset.objects.filter(name__in=["One", "Two"]).exists()


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ('{"min_megapixels": 4\n"max_bytes": 1}', "Line 2, column 1 is not JSON: Expecting"),
        ('{"focus": 1}', "Rule &#x27;focus&#x27; is not known."),
        ('{"focus_min": 7}', "Rule &#x27;focus_min&#x27; cannot be 7: it lies between 0 and 1."),
        ('{"noise_max": true}', "Rule &#x27;noise_max&#x27; cannot be True: it is a number."),
        ("[1]", "The rules must be an object of names and limits."),
        ("7", "The rules must be an object of names and limits."),
        ("", "This field is required."),
        ("[" * 9000, "The rules are nested too deeply."),
        (" " * 10_000 + "{}", "The rules are longer than 10000 characters."),
        ('{"formats": ["\\u0000"]}', "A word has a character in it that cannot be read"),
    ],
)
def test_preset_says_what_is_wrong_with_its_rules(boss: Client, rules: str, sentence: str) -> None:
    response = boss.post(address(Preset, "add"), {"name": "Microstock", "rules": rules})

    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not Preset.objects.filter(name="Microstock").exists()


def test_preset_shows_its_rules_one_a_line(boss: Client) -> None:
    preset = Preset.objects.create(name="Two", rules={"focus_min": 0.2, "noise_max": 3})

    page = boss.get(address(Preset, "change", preset.pk)).content.decode()

    assert "{\n  &quot;focus_min&quot;: 0.2,\n  &quot;noise_max&quot;: 3\n}" in page
