"""Error pages: in the look for a browser, a sentence for HTMX, and 503 while the database is away."""

from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver

from config import errors
from tests.people import make_user, signed_in

PART = {"HX-Request": "true"}


def asked(*, is_part: bool = False, method: str = "get") -> HttpRequest:
    """Make a request with an id, as it comes to a handler."""
    request = getattr(RequestFactory(), method)("/somewhere/?x=1", headers=PART if is_part else {})
    request.user = AnonymousUser()
    request.META["STOCKPROOF_REQUEST_ID"] = "req-5f0c91d2"
    return request


def answer_while(error: Exception, request: HttpRequest) -> HttpResponse:
    """Let the handler answer while an error is being handled, as Django does."""
    try:
        fail(error)
    except type(error):
        return errors.server_error(request)


def fail(error: Exception) -> NoReturn:
    """Raise it."""
    raise error


def answer(status: int, request: HttpRequest) -> HttpResponse:
    """Let the handler of a status answer."""
    if status == 429:
        return errors.locked_out(request, HttpResponse(), None)
    if status == 500:
        return errors.server_error(request)
    handler: Callable[..., HttpResponse] = get_resolver().resolve_error_handler(status)
    return handler(request, exception=Exception("secret"))


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_error_is_a_sentence_in_the_place_for_problems_when_htmx_asks(status: int) -> None:
    response = answer(status, asked(is_part=True))

    text = response.content.decode()
    assert response.status_code == status
    assert (response.headers["HX-Retarget"], response.headers["HX-Reswap"]) == ("#problem", "innerHTML")
    assert text.count("<section") == text.count("<h3>") == 1
    assert "<html" not in text
    assert "req-5f0c91d2" in text


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_error_is_a_page_when_a_browser_asks(status: int) -> None:
    response = answer(status, asked())

    assert response.content.decode().count("<h1>") == 1
    assert "HX-Retarget" not in response.headers


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
@pytest.mark.parametrize("is_part", [False, True])
def test_database_away_answers_503_and_says_when_to_try_again(
    kind: type[Exception], *, is_part: bool
) -> None:
    response = answer_while(kind("database is locked: /secret/path"), asked(is_part=is_part))

    text = response.content.decode()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer" in text
    assert "Every saved verdict is safe" in text
    assert "secret" not in text


def test_database_away_offers_no_second_try_of_a_form() -> None:
    page = answer_while(OperationalError(), asked(method="post")).content.decode()

    assert "Try again</a>" not in page


@pytest.fixture
def browser(db: None) -> Client:
    """A browser that shows errors as pages, as the server does."""
    client = signed_in(make_user("ines"))
    client.raise_request_exception = False
    return client


@pytest.fixture
def database_away(browser: Client) -> Iterator[None]:
    """Let every statement fail as if the server were gone."""

    def refuse(execute: object, sql: str, *_rest: object) -> None:
        raise OperationalError(f"server closed the connection: {sql[:10]}")

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("path", ["/", "/settings/", "/sessions/new/", "/recovery/", "/admin/", "/login/"])
def test_database_away_is_a_page_wherever_it_is_noticed(browser: Client, path: str) -> None:
    response = browser.get(path)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.headers["X-Request-ID"] in response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("database_away")
def test_database_away_is_a_503_for_a_live_part_and_for_a_form(browser: Client) -> None:
    part = browser.get("/", headers=PART)
    form = browser.post("/login/", {"username": "ines", "password": "x"})

    assert (part.status_code, form.status_code) == (503, 503)
    assert "<html" not in part.content.decode()


@pytest.mark.usefixtures("database_away")
def test_sign_of_life_needs_no_database(browser: Client) -> None:
    assert browser.get("/healthz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, PART])
def test_form_without_a_sign_that_it_is_ours_is_refused_in_the_look(headers: dict[str, str]) -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "ines"}, headers=headers)

    text = response.content.decode()
    assert response.status_code == 403
    assert "This form was too old" in text
    assert ("<html" in text) is (not headers)
    assert response.headers["X-Request-ID"] in text
