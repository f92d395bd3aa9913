"""The page of settings: appearance, keys, password and leaving every browser."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client

from processing.models import Profile
from recovery.models import AuditEntry
from tests.people import PASSWORD, make_user, signed_in

pytestmark = pytest.mark.django_db
NEW = "another-long-pass-phrase"


def change_password(client: Client, **typed: str) -> Any:
    """Type into the page of passwords."""
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return client.post("/settings/password/", fields | typed)


def logouts() -> list[tuple[str, str | None, dict[str, Any]]]:
    """Give who left from where, as the audit log has it."""
    return list(AuditEntry.objects.filter(action="logout").values_list("actor", "address", "details"))


def test_page_is_drawn_without_a_profile(ines: Client) -> None:
    page = ines.get("/settings/").content.decode()

    assert '<input type="radio" name="theme" value="system" checked>' in page
    assert '<input type="checkbox" name="has_keys" checked' in page
    assert not Profile.objects.exists()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_appearance_is_kept_and_shown_by_every_page(ines: Client, theme: str) -> None:
    response = ines.post("/settings/appearance/", {"theme": theme, "next": "/?status=paused"})

    assert (response.status_code, response.headers["Location"]) == (302, "/?status=paused")
    assert f'<html lang="en" data-theme="{theme}">' in ines.get("/").content.decode()


def test_appearance_of_the_system_takes_the_choice_back(ines: Client) -> None:
    ines.post("/settings/appearance/", {"theme": "dark"})
    ines.post("/settings/appearance/", {"theme": "system"})

    assert "data-theme" not in ines.get("/").content.decode()


@pytest.mark.parametrize("theme", ["", "pink", "x" * 10_000, "dark\0"])
def test_appearance_that_is_none_is_refused_with_a_sentence(ines: Client, theme: str) -> None:
    response = ines.post("/settings/appearance/", {"theme": theme})

    assert response.status_code == 400
    assert "Choose one of the three." in response.content.decode()
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\0", "session", "nonsense", "a\nb"],
)
def test_appearance_leads_back_only_within_this_site(ines: Client, following: str) -> None:
    response = ines.post("/settings/appearance/", {"theme": "dark", "next": following})

    assert response.headers["Location"] == "/settings/"


def test_keys_are_turned_off_and_on_by_a_box(ines: Client) -> None:
    off = ines.post("/settings/keys/", {}, follow=True)
    were_off = not Profile.objects.get().has_keys
    ines.post("/settings/keys/", {"has_keys": "on"})

    assert "Single keys do nothing." in off.content.decode()
    assert (were_off, Profile.objects.get().has_keys) == (True, True)


def test_settings_of_one_person_are_not_anothers(ines: Client) -> None:
    ines.post("/settings/appearance/", {"theme": "dark"})

    assert "data-theme" not in signed_in(make_user("eve")).get("/").content.decode()


def test_password_is_changed_and_ends_other_browsers_while_this_one_goes_on_under_a_new_key() -> None:
    user = make_user("ines", password=PASSWORD)
    here, there = signed_in(user), signed_in(user)
    before = here.session.session_key

    response = change_password(here)

    assert response.headers["Location"] == "/settings/"
    assert User.objects.get().check_password(NEW)
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert here.session.session_key != before
    details = {"because": "The password was changed.", "everywhere_else": True}
    assert logouts() == [("ines", "127.0.0.1", details)]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"old_password": "wrong"}, "This is not your password of now."),
        ({"new_password2": "something-else"}, "This is not the same as above."),
        ({"new_password1": "short", "new_password2": "short"}, "at least 12 characters"),
        ({"new_password1": "password1234", "new_password2": "password1234"}, "too common"),
        ({"new_password1": "926481736451", "new_password2": "926481736451"}, "entirely numeric"),
        ({"new_password1": "ines-maria-okafor", "new_password2": "ines-maria-okafor"}, "too similar"),
        ({"new_password1": "", "new_password2": ""}, "This field is required."),
        ({"new_password1": "a\0" * 20, "new_password2": "a\0" * 20}, "Null characters are not allowed."),
    ],
)
def test_password_is_refused_with_a_sentence_beside_its_field(typed: dict[str, str], sentence: str) -> None:
    client = signed_in(make_user("ines-maria-okafor", password=PASSWORD))

    response = change_password(client, **typed)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert User.objects.get().check_password(PASSWORD)
    assert logouts() == []


def test_signing_out_everywhere_ends_every_browser_of_this_person_only() -> None:
    user, other = make_user("ines"), make_user("eve")
    here, there, hers = signed_in(user), signed_in(user), signed_in(other)

    response = here.post("/settings/sign-out/")

    assert response.headers["Location"] == "/login/"
    assert [client.get("/").status_code for client in (here, there, hers)] == [302, 302, 200]
    assert logouts() == [("ines", "127.0.0.1", {"everywhere": True, "browsers": 2, "tokens_revoked": 0})]


def test_signing_out_everywhere_counts_no_session_that_has_run_out() -> None:
    user = make_user("ines")
    signed_in(user)
    Session.objects.update(expire_date=F("expire_date") - timedelta(days=30))

    signed_in(user).post("/settings/sign-out/")

    assert logouts() == [("ines", "127.0.0.1", {"everywhere": True, "browsers": 1, "tokens_revoked": 0})]


def test_person_who_is_no_longer_active_is_out_at_once(ines: Client) -> None:
    User.objects.update(is_active=False)

    assert ines.get("/").status_code == 302


def test_old_cookie_opens_nothing_after_logout(ines: Client) -> None:
    stolen = Client()
    stolen.cookies["sessionid"] = ines.cookies["sessionid"].value
    ines.post("/logout/")

    assert stolen.get("/").status_code == 302


def test_password_of_now_is_not_guessed_without_limit() -> None:
    client = signed_in(make_user("ines", password=PASSWORD))

    wrong = [change_password(client, old_password=f"guess {n}").status_code for n in range(5)]
    right = change_password(client).status_code

    assert (wrong, right) == ([400, 400, 400, 400, 429], 429)
    assert User.objects.get().check_password(PASSWORD)
    failed = AuditEntry.objects.filter(action="login_failed", actor="ines")
    assert failed.count() == 6
