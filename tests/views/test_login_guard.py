"""The guard at the login: too many wrong passwords lock a name out from one address for a while."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import F
from django.test import Client

from recovery.logins import MEANWHILE
from recovery.models import AuditEntry
from tests.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db
LOCKED = "refused: Locked out for some time after too many wrong passwords."
WRONG = "refused: The name or the password was wrong."
DOORS = pytest.mark.parametrize("door", ["/login/", "/admin/login/"])


def try_in(door: str = "/login/", *, name: str = "boss", password: str = "", **meta: Any) -> Any:
    """Type a name and a password, a wrong one unless it is given, into a new browser."""
    return Client(**meta).post(door, {"username": name, "password": password or "guess"})


@DOORS
def test_login_is_locked_at_the_fifth_wrong_password_and_stays_so_for_the_right_one(door: str) -> None:
    make_user("boss", is_superuser=True, password=PASSWORD)

    statuses = [try_in(door).status_code for _ in range(5)]
    right = try_in(door, password=PASSWORD)

    assert statuses == [200, 200, 200, 200, 429]
    assert (right.status_code, int(right.headers["Retry-After"]) in range(840, 901)) == (429, True)
    assert "sessionid" not in right.cookies


def test_lock_out_page_says_what_to_do_in_the_look() -> None:
    page = [try_in(REMOTE_ADDR="10.1.2.3") for _ in range(5)][-1]

    text = page.content.decode()
    assert "<h1>Too many wrong passwords</h1>" in text
    assert "This name cannot sign in from here for the next 15\u00a0min." in text
    assert page.headers["X-Request-ID"] in text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_lock_out_page_says_how_long_it_still_lasts() -> None:
    for name in ("boss", "boss", "boss", "boss", "boss", "ines"):
        try_in(name=name, REMOTE_ADDR="10.1.2.3")
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=10, seconds=30))
    try_in(name="ines", REMOTE_ADDR="10.1.2.3")

    page = try_in(REMOTE_ADDR="10.1.2.3")

    assert "for the next 5\u00a0min." in page.content.decode()
    assert int(page.headers["Retry-After"]) in range(240, 271)


@DOORS
def test_lock_out_says_the_same_of_a_name_that_is_nobodys(door: str) -> None:
    make_user("boss", is_superuser=True, password=PASSWORD)

    pages = [[try_in(door, name=name) for _ in range(5)][-1] for name in ("boss", "nobody")]

    texts = [page.content.decode().replace(page.headers["X-Request-ID"], "") for page in pages]
    assert [page.status_code for page in pages] == [429, 429]
    assert texts[0].split("<code>")[0] == texts[1].split("<code>")[0]


def test_lock_out_is_of_one_name_from_one_address() -> None:
    make_user("boss", password=PASSWORD)
    make_user("ines", password=PASSWORD)
    for _ in range(5):
        try_in(REMOTE_ADDR="10.1.2.3")

    elsewhere = try_in(password=PASSWORD, REMOTE_ADDR="10.9.9.9")
    another = try_in(name="ines", password=PASSWORD, REMOTE_ADDR="10.1.2.3")

    assert (elsewhere.status_code, another.status_code) == (302, 302)


def test_lock_out_is_not_evaded_by_another_browser_or_what_the_request_says_of_itself() -> None:
    make_user("boss", password=PASSWORD)

    statuses = [
        try_in(HTTP_USER_AGENT=f"browser {n}", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status_code
        for n in range(5)
    ]

    assert statuses[-1] == 429


def test_lock_out_ends_after_its_time_and_trying_meanwhile_does_not_make_it_longer() -> None:
    make_user("boss", password=PASSWORD)
    for _ in range(5):
        try_in()
    nearly = settings.AXES_COOLOFF_TIME - timedelta(seconds=30)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - nearly)

    before = try_in(password=PASSWORD).status_code
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(seconds=60))
    after = try_in(password=PASSWORD).status_code

    assert (before, after) == (429, 302)


def test_right_password_forgets_the_wrong_ones_before_it() -> None:
    make_user("boss", password=PASSWORD)
    for _ in range(4):
        try_in()
    try_in(password=PASSWORD)

    statuses = [try_in().status_code for _ in range(4)]

    assert statuses == [200] * 4


def test_lock_out_is_recorded_with_the_person_and_the_address() -> None:
    MEANWHILE.forget()
    make_user("boss", password=PASSWORD)
    for _ in range(6):
        try_in(REMOTE_ADDR="10.1.2.3")

    entries = AuditEntry.objects.order_by("number").values_list("action", "actor", "address", "outcome")

    before = [("login_failed", "boss", "10.1.2.3", WRONG)] * 4
    assert list(entries) == before + [("login_failed", "boss", "10.1.2.3", LOCKED)] * 2


def test_guard_keeps_neither_names_nor_passwords() -> None:
    try_in(name="a-password-typed-as-name", password="a-secret-of-mine")

    kept = str(list(AccessAttempt.objects.values()))
    assert AccessAttempt.objects.count() == 1
    assert "a-password-typed-as-name" not in kept
    assert "a-secret-of-mine" not in kept


@DOORS
@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "\x1b[31m", "\u202eines", "😀" * 200])
def test_login_survives_every_kind_of_name(door: str, name: str) -> None:
    assert try_in(door, name=name).status_code == 200


def test_guard_logs_nothing_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(6):
        try_in()

    assert "AXES" not in capsys.readouterr().err
