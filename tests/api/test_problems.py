"""Whatever is wrong, the answer under /api/ is a problem that says what, why and what to do."""

from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, ProgrammingError
from django.test import Client

from processing import progress
from processing.models import ProcessingSession
from tests.api.asking import MEMBERS, post, script, told
from tests.people import make_user

pytestmark = pytest.mark.django_db
SESSIONS = "/api/v1/sessions"


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v2/sessions", "/api/v1/sessions/1/2/3", "/api/x\0y"]
)
@pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
def test_address_that_is_none_is_a_problem(ines: Client, path: str, method: str) -> None:
    found = told(getattr(ines, method)(path), 404, "not_found")

    assert found["hint"] == "The addresses are listed at /api/v1/docs."


def test_page_that_is_none_stays_a_page(ines: Client) -> None:
    assert ines.get("/apiary/").headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b'{"source": 1' + b"0" * 5000 + b"}"])
def test_body_that_is_not_json_is_a_problem(ines: Client, data: bytes) -> None:
    response = ines.post(SESSIONS, data, content_type="application/json")

    assert told(response, 400, "usage")["hint"] == "Send a JSON object, with Content-Type: application/json."


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_body_that_does_not_say_that_it_is_json_is_a_problem(ines: Client, content_type: str) -> None:
    told(ines.post(SESSIONS, b'{"source": "/x"}', content_type=content_type), 415, "usage")


def test_body_says_that_it_is_json_in_more_than_one_way(ines: Client, session: ProcessingSession) -> None:
    path = f"{SESSIONS}/{session.pk}/pause"

    response = ines.post(path, b"{}", content_type="application/json; charset=utf-8")

    assert response.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_body_that_is_too_large_is_a_problem(ines: Client, headers: dict[str, str]) -> None:
    size_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1

    response = ines.post(SESSIONS, b" " * size_bytes, content_type="application/json", headers=headers)

    told(response, 413, "usage")


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "trace"])
def test_method_that_an_address_does_not_know_is_a_problem(ines: Client, method: str) -> None:
    response = getattr(ines, method)(SESSIONS)

    told(response, 405, "method_not_allowed")
    assert sorted(response.headers["Allow"].split(", ")) == ["GET", "POST"]


def test_problem_says_each_wrong_value(ines: Client) -> None:
    found = told(post(ines, SESSIONS, {"name": 7, "new": "yes"}), 422, "usage")

    assert [one["where"] for one in found["errors"]] == ["body.source", "body.name", "body.new"]
    assert found["detail"].startswith("body.source: Field required; body.name: ")


def test_problem_repeats_the_id_by_which_the_proxy_knows_the_request(ines: Client) -> None:
    response = ines.get("/api/v1/nowhere", headers={"X-Request-ID": "from-the-proxy"})

    assert told(response, 404, "not_found")["request_id"] == "from-the-proxy"


def test_markup_in_a_value_stays_data(ines: Client) -> None:
    response = post(ines, SESSIONS, {"source": "/<script>alert(1)</script>"})

    told(response, 422, "usage")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let reading a status fail."""

    def fail(_session: ProcessingSession) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(progress, "status_of", fail)


def test_error_that_nobody_expected_is_a_problem_that_says_nothing_of_it(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, RuntimeError("a secret"))

    response = ines.get(f"{SESSIONS}/{session.pk}/progress")

    assert told(response, 500, "unexpected")["hint"] == "The log has more under this request id."
    assert b"secret" not in response.content


def test_mistake_in_a_query_is_not_told_as_a_database_that_is_away(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ProgrammingError("a secret"))

    response = ines.get(f"{SESSIONS}/{session.pk}/progress")

    told(response, 500, "unexpected")
    assert b"secret" not in response.content


def test_database_that_is_away_is_a_problem_that_says_when_to_come_again(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, OperationalError("connection to server at 192.0.2.7 failed for user stockproof"))

    response = ines.get(f"{SESSIONS}/{session.pk}/progress")

    told(response, 503, "database_unreachable")
    assert response.headers["Retry-After"] == "5"
    assert b"192.0.2.7" not in response.content


def test_database_that_is_away_before_anybody_is_known_is_the_same_problem(
    ines: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_text: str) -> None:
        raise OperationalError("connection to server at 192.0.2.7 failed")

    monkeypatch.setattr("processing.tokens.find", fail)

    response = ines.get(SESSIONS)

    told(response, 503, "database_unreachable")
    assert response.headers["Retry-After"] == "5"


def test_confirmation_that_is_missing_is_a_problem(session: ProcessingSession) -> None:
    session.latch()
    path = f"/api/recovery/sessions/{session.pk}/recover"

    response = post(script(session.owner), path, {"option": "fresh_start"})

    assert told(response, 428, "confirmation_needed")["hint"] == 'Send "confirmed": true.'


def test_problem_of_what_is_another_persons_is_that_of_what_is_not_there(session: ProcessingSession) -> None:
    stranger = script(make_user("stranger"))

    bodies = [
        told(stranger.get(f"{SESSIONS}/{one}"), 404, "not_found")
        for one in (session.pk, "01234567-89ab-4cde-8f01-23456789abcd")
    ]

    assert bodies[0].keys() == MEMBERS
    assert bodies[0] | {"request_id": ""} == bodies[1] | {"request_id": ""}
