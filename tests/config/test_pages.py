"""What every response carries, whoever asks for whatever."""

import re

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/no/such/page/", "/admin/"])
def test_response_carries_the_strict_headers(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Frame-Options"] == "DENY"


def test_request_id_of_a_proxy_is_kept(client: Client) -> None:
    response = client.get("/no/such/page/", headers={"X-Request-ID": "proxy-0123456789"})

    assert response.headers["X-Request-ID"] == "proxy-0123456789"


@pytest.mark.parametrize("offered", ["short", "line\nbreak-here", "x" * 65, ""])
def test_request_id_is_made_when_the_offered_one_is_odd(client: Client, offered: str) -> None:
    response = client.get("/no/such/page/", headers={"X-Request-ID": offered})

    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])
