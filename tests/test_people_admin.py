"""Administration of people: nobody gives away more than he has, and every change of a role is recorded."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from recovery.models import AuditEntry
from tests.people import make_user, signed_in

pytestmark = pytest.mark.django_db
RIGHTS_REFUSED = "refused: These rights are not yours to give."
ROLE_REFUSED = "refused: The role of this person does not allow it."
ESCALATIONS = [{"is_superuser": "on"}, {"is_staff": "on"}, {"user_permissions": "1"}]


def in_role(name: str, *roles: str, **columns: Any) -> User:
    """Make somebody of these roles."""
    user = make_user(name, **columns)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@pytest.fixture
def ada() -> Client:
    """A signed-in Administrator."""
    return signed_in(in_role("ada", "Administrator"))


@pytest.fixture
def boss() -> Client:
    """A signed-in superuser."""
    return signed_in(make_user("boss", is_superuser=True))


@pytest.fixture
def eve() -> User:
    """Somebody without any role."""
    return make_user("eve")


def send(client: Client, user: User, **fields: Any) -> int:
    """Send the form of a person as the page shows it, with these fields changed; None leaves one out."""
    typed = {
        "username": user.username,
        "is_active": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    } | fields
    data = {name: value for name, value in typed.items() if value is not None}
    return client.post(f"/admin/auth/user/{user.pk}/change/", data).status_code


def recorded() -> list[tuple[str, str, dict[str, Any]]]:
    """Give what the audit log says of roles."""
    entries = AuditEntry.objects.filter(action="role").order_by("number")
    return list(entries.values_list("actor", "outcome", "details"))


def pk_of(role: str) -> int:
    """Give the key of a role."""
    return Group.objects.get(name=role).pk


def test_administrator_gives_and_takes_a_role_and_that_is_recorded(ada: Client, eve: User) -> None:
    given = send(ada, eve, groups=[pk_of("Operator")])
    taken = send(ada, eve, groups=[pk_of("Viewer"), pk_of("Auditor")])

    assert (given, taken) == (302, 302)
    assert recorded() == [
        ("ada", "done", {"whom": "eve", "before": {"roles": []}, "after": {"roles": ["Operator"]}}),
        (
            "ada",
            "done",
            {"whom": "eve", "before": {"roles": ["Operator"]}, "after": {"roles": ["Auditor", "Viewer"]}},
        ),
    ]


def test_person_who_is_made_inactive_is_recorded(ada: Client, eve: User) -> None:
    send(ada, eve, is_active=None)

    eve.refresh_from_db()
    assert not eve.is_active
    assert recorded() == [
        ("ada", "done", {"whom": "eve", "before": {"is_active": True}, "after": {"is_active": False}})
    ]


def test_another_name_is_recorded_so_that_acts_under_both_are_known_as_one_persons(
    boss: Client, eve: User
) -> None:
    status = send(boss, eve, username="mallory")

    assert status == 302
    assert recorded() == [
        ("boss", "done", {"whom": "mallory", "before": {"name": "eve"}, "after": {"name": "mallory"}})
    ]


def test_change_that_touches_no_right_is_not_recorded(ada: Client, eve: User) -> None:
    status = send(ada, eve, first_name="Eve")

    eve.refresh_from_db()
    assert (status, eve.first_name, recorded()) == (302, "Eve", [])


def test_superuser_gives_everything_and_that_is_recorded(boss: Client, eve: User) -> None:
    right = Permission.objects.get(codename="audit_sessions")

    send(boss, eve, is_staff="on", is_superuser="on", user_permissions=[right.pk])

    after = {"is_staff": True, "is_superuser": True, "rights": ["audit_sessions"]}
    before = {"is_staff": False, "is_superuser": False, "rights": []}
    assert recorded() == [("boss", "done", {"whom": "eve", "before": before, "after": after})]


@pytest.mark.parametrize("fields", ESCALATIONS)
@pytest.mark.parametrize("whom", ["eve", "ada"])
def test_administrator_makes_nobody_more_than_an_administrator(
    ada: Client, eve: User, whom: str, fields: dict[str, str]
) -> None:
    user = User.objects.get(username=whom)

    status = send(ada, user, **fields)

    user.refresh_from_db()
    assert status == 403
    assert (user.is_superuser, user.is_staff, user.user_permissions.count()) == (False, False, 0)
    assert [(actor, outcome) for actor, outcome, _details in recorded()] == [("ada", RIGHTS_REFUSED)]
    assert recorded()[0][2]["what"] == whom


@pytest.mark.parametrize("fields", ESCALATIONS)
def test_administrator_adds_nobody_with_more_rights(ada: Client, fields: dict[str, str]) -> None:
    typed = {"username": "new", "usable_password": "true", "password1": "a-long-pass-phrase", **fields}

    response = ada.post("/admin/auth/user/add/", typed | {"password2": "a-long-pass-phrase"})

    assert response.status_code == 403
    assert not User.objects.filter(username="new").exists()
    assert [outcome for _actor, outcome, _details in recorded()] == [RIGHTS_REFUSED]


def test_administrator_adds_a_person_and_that_is_recorded(ada: Client) -> None:
    typed = {"username": "new", "usable_password": "true", "password1": "a-long-pass-phrase"}

    response = ada.post("/admin/auth/user/add/", typed | {"password2": "a-long-pass-phrase"})

    standing = {"is_active": True, "is_staff": False, "is_superuser": False, "roles": [], "rights": []}
    assert response.status_code == 302
    assert recorded() == [("ada", "done", {"whom": "new", "before": {}, "after": standing})]


def test_administrator_does_not_change_the_roles_of_himself(ada: Client) -> None:
    user = User.objects.get(username="ada")

    status = send(ada, user, groups=[pk_of("Viewer")])

    assert status == 403
    assert list(user.groups.values_list("name", flat=True)) == ["Administrator"]
    assert [outcome for _actor, outcome, _details in recorded()] == [RIGHTS_REFUSED]


@pytest.mark.parametrize("page", ["change", "delete", "password"])
def test_administrator_does_not_touch_a_superuser(ada: Client, page: str) -> None:
    boss = make_user("boss", is_superuser=True)
    before = User.objects.values().get(pk=boss.pk)
    typed = {
        "post": "yes",
        "username": "boss",
        "password1": "a-long-pass-phrase",
        "password2": "a-long-pass-phrase",
    }

    response = ada.post(f"/admin/auth/user/{boss.pk}/{page}/", typed | {"usable_password": "true"})

    assert response.status_code == 403
    assert User.objects.values().get(pk=boss.pk) == before
    assert [(actor, outcome, details["what"]) for actor, outcome, details in recorded()] == [
        ("ada", ROLE_REFUSED, "boss")
    ]


def test_administrator_does_not_remove_a_superuser_among_others(ada: Client, eve: User) -> None:
    boss = make_user("boss", is_superuser=True)
    ticked = {"action": "delete_selected", "_selected_action": [eve.pk, boss.pk], "post": "yes"}

    response = ada.post("/admin/auth/user/", ticked)

    assert response.status_code == 403
    assert User.objects.filter(pk__in=[eve.pk, boss.pk]).count() == 2
    assert [outcome for _actor, outcome, _details in recorded()] == [ROLE_REFUSED]


@pytest.mark.parametrize("together", [False, True])
def test_person_who_is_removed_is_recorded(ada: Client, eve: User, *, together: bool) -> None:
    ticked = {"action": "delete_selected", "_selected_action": [eve.pk], "post": "yes"}
    path = "/admin/auth/user/" if together else f"/admin/auth/user/{eve.pk}/delete/"

    ada.post(path, ticked if together else {"post": "yes"})

    standing = {"is_active": True, "is_staff": False, "is_superuser": False, "roles": [], "rights": []}
    assert not User.objects.filter(username="eve").exists()
    assert recorded() == [("ada", "done", {"whom": "eve", "before": standing, "after": {}})]


def test_password_that_is_set_for_somebody_is_recorded_without_it(ada: Client, eve: User) -> None:
    browser = signed_in(eve)
    typed = {"usable_password": "true", "password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"}

    response = ada.post(f"/admin/auth/user/{eve.pk}/password/", typed | {"set-password": "1"})

    eve.refresh_from_db()
    changed = {"whom": "eve", "before": {"password": "before"}, "after": {"password": "set anew"}}
    assert (response.status_code, eve.check_password("a-long-pass-phrase")) == (302, True)
    assert browser.get("/").status_code == 302
    assert recorded() == [("ada", "done", changed)]


def test_clerk_with_the_right_to_change_people_changes_no_role_and_no_administrator(eve: User) -> None:
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    browser, ada = signed_in(clerk), in_role("ada", "Administrator")

    statuses = (
        send(browser, eve, groups=[pk_of("Administrator")]),
        send(browser, ada, first_name="Mine"),
        send(browser, eve, first_name="Eve"),
        browser.post(f"/admin/auth/group/{pk_of('Viewer')}/change/", {"name": "Mine"}).status_code,
        browser.post("/admin/auth/group/add/", {"name": "Mine"}).status_code,
        browser.post(f"/admin/auth/group/{pk_of('Viewer')}/delete/", {"post": "yes"}).status_code,
    )

    eve.refresh_from_db()
    assert statuses == (403, 403, 302, 403, 403, 403)
    assert (eve.first_name, eve.is_active, eve.groups.count()) == ("Eve", True, 0)
    assert set(Group.objects.values_list("name", flat=True)) == {
        "Viewer",
        "Operator",
        "Auditor",
        "Administrator",
    }


def test_what_a_role_allows_is_recorded_when_it_changes(ada: Client) -> None:
    role = Group.objects.get(name="Viewer")
    before = sorted(role.permissions.values_list("codename", flat=True))
    right = Permission.objects.get(codename="operate_session")

    response = ada.post(f"/admin/auth/group/{role.pk}/change/", {"name": "Viewer", "permissions": [right.pk]})

    details = {"whom": "role Viewer", "before": {"rights": before}, "after": {"rights": ["operate_session"]}}
    assert response.status_code == 302
    assert recorded() == [("ada", "done", details)]


def test_role_that_is_added_and_removed_is_recorded(boss: Client) -> None:
    boss.post("/admin/auth/group/add/", {"name": "Interns"})
    boss.post(f"/admin/auth/group/{pk_of('Interns')}/delete/", {"post": "yes"})

    facts = {"name": "Interns", "rights": []}
    assert recorded() == [
        ("boss", "done", {"whom": "role Interns", "before": {}, "after": facts}),
        ("boss", "done", {"whom": "role Interns", "before": facts, "after": {}}),
    ]


@pytest.mark.parametrize("key", ["abc", "0", str(10**30), "\x01"])
@pytest.mark.parametrize("page", ["change", "delete", "password", "history"])
def test_person_who_is_not_there_leads_nowhere(boss: Client, key: str, page: str) -> None:
    response = boss.post(f"/admin/auth/user/{key}/{page}/", {"post": "yes"})

    assert response.status_code in (302, 404)
    assert recorded() == []
