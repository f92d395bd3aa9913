"""Coming in and going out, the sign of life, error pages, and links that lead somewhere."""

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_session
from tests.people import PASSWORD, make_user, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

LINK = re.compile(r'(?:href|src|action)="([^"#]+)')


def test_healthz_answers_without_login_and_database() -> None:
    response = Client().get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_login_leads_to_the_sessions_under_a_new_session_key() -> None:
    make_user("ines", password=PASSWORD)
    client = Client()
    before = client.session
    before["mark"] = "planted"
    before.save()

    response = client.post("/login/", {"username": "ines", "password": PASSWORD})

    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert client.session.session_key != before.session_key


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("following", "target"),
    [("/?status=paused", "/?status=paused"), ("https://evil.example/", "/"), ("//evil.example/", "/")],
)
def test_login_leads_on_only_within_this_site(following: str, target: str) -> None:
    make_user("ines", password=PASSWORD)

    response = Client().post("/login/", {"username": "ines", "password": PASSWORD, "next": following})

    assert response.headers["Location"] == target


@pytest.mark.django_db
def test_login_keeps_where_to_go_in_its_form() -> None:
    page = Client().get("/login/?next=/sessions/x/").content.decode()

    assert '<input type="hidden" name="next" value="/sessions/x/">' in page


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "active"), [("ines", True), ("nobody", True), ("ines", False)])
def test_login_says_the_same_whatever_was_wrong_and_logs_no_password(
    caplog: pytest.LogCaptureFixture, *, name: str, active: bool
) -> None:
    make_user("ines", password=PASSWORD, is_active=active)
    caplog.set_level(logging.DEBUG)
    password = "a-wrong-one-7f3a" if active else PASSWORD

    response = Client().post("/login/", {"username": name, "password": password})

    page = response.content.decode()
    assert response.status_code == 200
    assert "Name and password do not belong together." in page
    assert password not in page
    assert password not in caplog.text


@pytest.mark.django_db
def test_login_leads_away_who_is_signed_in_already() -> None:
    assert signed_in(make_user()).get("/login/").headers["Location"] == "/"


@pytest.mark.django_db
def test_logout_ends_the_session_and_needs_a_post() -> None:
    client = signed_in(make_user())

    by_get = client.get("/logout/")
    still_in = client.get("/").status_code
    by_post = client.post("/logout/")

    assert (by_get.status_code, still_in) == (405, 200)
    assert by_post.headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    ("referer", "following"),
    [
        ("http://testserver/sessions/?status=paused", "/sessions/?status=paused"),
        ("http://testserver", "/"),
        ("https://elsewhere.example/sessions/", "/"),
        ("//elsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
@pytest.mark.django_db
def test_button_that_is_pressed_after_the_sign_in_has_ended_leads_back_to_its_page(
    referer: str, following: str
) -> None:
    session = make_session()

    response = Client().post(f"/sessions/{session.pk}/pause/", headers={"Referer": referer})

    session.refresh_from_db()
    target = urlsplit(response.headers["Location"])
    assert (response.status_code, target.path, session.hold) == (302, "/login/", "")
    assert parse_qs(target.query) == {"next": [following]}


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "This address could not be read"),
        (403, "This is not yours to do"),
        (404, "Nothing is at this address"),
        (500, "This page failed, your session did not"),
    ],
)
@pytest.mark.django_db
def test_error_page_says_what_failed_without_asking_the_database(
    django_assert_num_queries: DjangoAssertNumQueries, status: int, sentence: str
) -> None:
    request = RequestFactory().get("/somewhere/?x=1")
    request.user = AnonymousUser()
    request.META["STOCKPROOF_REQUEST_ID"] = "req-5f0c91d2"
    handler: Callable[..., HttpResponse] = get_resolver().resolve_error_handler(status)

    with django_assert_num_queries(0):
        response = handler(request) if status == 500 else handler(request, exception=Exception("secret"))

    page = response.content.decode()
    assert response.status_code == status
    assert sentence in page
    assert "req-5f0c91d2" in page
    assert f"error {status}" in page
    assert "secret" not in page


@pytest.mark.django_db
def test_error_page_is_shown_to_strangers_too() -> None:
    response = Client().get("/nothing/")

    assert response.status_code == 404
    assert "Nothing is at this address" in response.content.decode()


@pytest.mark.django_db
def test_every_link_of_the_pages_leads_somewhere() -> None:
    boss = make_user("boss", is_superuser=True)
    sessions = [make_session(owner=boss, total=4) for _ in range(26)]
    sessions[0].latch()
    sessions[1].pause()
    client = signed_in(boss)
    pages = ["/", "/?status=interrupted", "/nothing/", *(f"/sessions/{one.pk}/" for one in sessions[:3])]

    found = {link for page in pages for link in LINK.findall(client.get(page).content.decode())}
    found |= set(LINK.findall(Client().get("/login/").content.decode()))

    answers = {}
    for link in found:
        response = client.get(link.replace("&amp;", "&"))
        answers[link] = response.status_code
        b"".join(response)  # A file is closed by being read to its end.
    assert len(answers) > 20
    assert {link: status for link, status in answers.items() if status not in (200, 302, 405)} == {}
