"""Who comes in, is turned away and goes is in the audit log."""

import pytest
from axes.exceptions import AxesBackendRequestParameterRequired
from django.contrib.auth import authenticate
from django.test import Client

from recovery.logins import MEANWHILE
from recovery.models import AuditEntry
from tests.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db
WRONG = "refused: The name or the password was wrong."


def recorded() -> list[tuple[str, str, str, str | None]]:
    """Give each entry's action, actor, outcome and address."""
    columns = ("action", "actor", "outcome", "address")
    return list(AuditEntry.objects.order_by("number").values_list(*columns))


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_login_is_recorded_on_every_page_that_has_one(page: str) -> None:
    make_user("boss", is_superuser=True, password=PASSWORD)

    Client().post(page, {"username": "boss", "password": PASSWORD}, REMOTE_ADDR="10.1.2.3")

    assert recorded() == [("login", "boss", "done", "10.1.2.3")]


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_failed_login_is_recorded_with_the_name_of_a_person(page: str) -> None:
    make_user("boss", is_superuser=True)

    Client().post(page, {"username": "boss", "password": "guess"}, REMOTE_ADDR="10.1.2.3")

    assert recorded() == [("login_failed", "boss", WRONG, "10.1.2.3")]


def test_failed_login_keeps_no_name_that_is_nobodys_because_it_may_be_a_password() -> None:
    Client().post("/login/", {"username": PASSWORD, "password": "x"})

    assert recorded() == [("login_failed", "", WRONG, "127.0.0.1")]


def test_login_is_refused_without_a_request_which_the_guard_needs() -> None:
    make_user("ines", password=PASSWORD)

    with pytest.raises(AxesBackendRequestParameterRequired):
        authenticate(username="ines", password=PASSWORD)


def test_logout_is_recorded_once_somebody_was_in() -> None:
    client = Client()
    client.post("/logout/")
    client.force_login(make_user("ines"))

    client.post("/logout/")

    assert recorded() == [("login", "ines", "done", None), ("logout", "ines", "done", "127.0.0.1")]


def test_tries_during_a_lock_out_are_recorded_once_a_minute_of_each_name_and_address() -> None:
    MEANWHILE.forget()
    make_user("ines")
    for name, address in [("ines", "10.1.2.3")] * 9 + [("ines", "10.9.9.9")] * 7:
        Client().post("/login/", {"username": name, "password": "guess"}, REMOTE_ADDR=address)

    addresses = [address for *_, address in recorded()]

    # Five until the lock-out, and one of those after it.
    assert addresses == ["10.1.2.3"] * 6 + ["10.9.9.9"] * 6
    MEANWHILE.forget()
