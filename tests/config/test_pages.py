"""What every response carries, whoever asks for whatever."""

import re
from collections import defaultdict
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from tests.people import make_user
from tests.views.walking import addresses

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def strict_headers(response: Any) -> dict[str, str]:
    """Give those headers that every response must have."""
    return {name: response.headers.get(name, "") for name in HEADERS}


@pytest.mark.django_db
def test_every_address_carries_the_strict_headers_and_is_kept_by_nobody(client: Client) -> None:
    client.force_login(make_user("boss", is_superuser=True))
    values = {
        "session_id": uuid4(),
        "position": 0,
        "preset_id": 1,
        "object_id": 1,
        "content_type_id": 1,
        "id": 1,
    }
    parameters = defaultdict(lambda: "nothing", values | {"app_label": "processing"})

    answers = {
        one.name: client.get(one.path(parameters)) for one in addresses() if one.name != "admin:logout"
    }

    assert {name: strict_headers(answer) for name, answer in answers.items()} == dict.fromkeys(
        answers, HEADERS
    )
    kept = {name for name, answer in answers.items() if "no-store" not in answer.headers["Cache-Control"]}
    # The catalog of words of the administration's scripts is the same for everybody.
    assert kept <= {"admin:jsi18n"}


@pytest.mark.parametrize(
    "path", ["/static/app.css", "/static/app.js", "/static/nothing.css", "/%00", "/healthz"]
)
def test_files_and_odd_addresses_carry_the_strict_headers(client: Client, path: str) -> None:
    response = client.get(path)

    b"".join(response)  # A file is closed by being read to its end.
    assert strict_headers(response) == HEADERS


def test_request_for_another_host_is_refused_with_the_strict_headers(client: Client) -> None:
    response = client.get("/healthz", headers={"Host": "evil.example"})

    assert (response.status_code, strict_headers(response)) == (400, HEADERS)


@pytest.mark.django_db
def test_redirect_to_https_carries_the_strict_headers(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = Client().get("/login/")

    assert (response.status_code, strict_headers(response)) == (301, HEADERS)


def test_request_id_of_a_proxy_is_kept(client: Client) -> None:
    response = client.get("/no/such/page/", headers={"X-Request-ID": "proxy-0123456789"})

    assert response.headers["X-Request-ID"] == "proxy-0123456789"


@pytest.mark.parametrize("offered", ["short", "line\nbreak-here", "x" * 65, ""])
def test_request_id_is_made_when_the_offered_one_is_odd(client: Client, offered: str) -> None:
    response = client.get("/no/such/page/", headers={"X-Request-ID": offered})

    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])
