"""The description of the REST interface, and the page that is drawn from it."""

import json
import shlex
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.api import api
from config.docs import Line, groups_of
from processing.models import Scope
from tests.api.asking import script
from tests.people import signed_in
from tests.views.api_places import OPERATIONS

ORIGIN = "https://proofs.example"
DESCRIBED = api.get_openapi_schema()
LINES = {line.name: line for group in groups_of(DESCRIBED, ORIGIN) for line in group.lines}
METHODS = {
    operation["operationId"]: (method, operation)
    for operations in DESCRIBED["paths"].values()
    for method, operation in operations.items()
}
NAMES = pytest.mark.parametrize("name", sorted(METHODS))


def schema_of(message: dict[str, Any]) -> dict[str, Any]:
    """Find the schema of a body or an answer."""
    schema = message["content"]["application/json"]["schema"]
    reference = next(one["$ref"] for one in [schema, *schema.get("anyOf", [])] if "$ref" in one)
    found: dict[str, Any] = DESCRIBED["components"]["schemas"][reference.rpartition("/")[2]]
    return found


@NAMES
def test_operation_is_described_with_examples_and_all_that_it_refuses(name: str) -> None:
    method, operation = METHODS[name]
    responses = operation["responses"]
    problems = {
        status for status, one in responses.items() if "application/problem+json" in one.get("content", {})
    }
    done = next(one for status, one in responses.items() if status < 300)

    assert operation["summary"]
    assert operation["description"]
    assert problems >= {400, 401, 403, 422, 429, 500, 503}
    assert problems >= ({413, 415} if "requestBody" in operation else set())
    assert schema_of(done)["examples"]
    assert "requestBody" not in operation or schema_of(operation["requestBody"])["examples"]
    assert ("Idempotency-Key" in [one["name"] for one in operation["parameters"]]) == (method == "post")


@NAMES
def test_operation_is_described_with_its_scope(name: str) -> None:
    scope = OPERATIONS[name].scope.value

    assert METHODS[name][1]["security"] == [{"TokenAuth": [scope]}, {"SessionAuth": []}]
    assert LINES[name].scope == scope


def test_reference_to_problems_leads_somewhere() -> None:
    assert set(DESCRIBED["components"]["schemas"]["Problem"]["required"]) >= {"status", "code", "request_id"}


def test_line_says_what_is_sent_and_answered() -> None:
    line = LINES["create_session"]

    values = {value.name: (value.place, value.kind, value.is_required) for value in line.values}
    assert (line.method, line.path, line.title) == ("POST", "/api/v1/sessions", "Begin a session")
    assert values["source"] == ("body", "string, at most 4096 long", True)
    assert values["batch_size"] == ("body", "integer, 1 to 10000 or null", False)
    assert json.loads(line.answer)["status"] == "running"
    assert [one.title for one in line.answers if one.status in ("201", "409")] == [
        "Created",
        "The state does not allow it",
    ]


def test_call_is_a_line_for_a_shell() -> None:
    assert shlex.split(LINES["override_result"].call) == [
        *("curl", "-X", "PATCH", "-H", "Authorization: Bearer TOKEN", "-H", "Content-Type: application/json"),
        *("-d", '{"note": "the grain is wanted", "verdict": "approved"}'),
        f"{ORIGIN}/api/v1/sessions/{{session_id}}/results/{{position}}",
    ]


def test_choices_are_named() -> None:
    status = next(value for value in LINES["list_sessions"].values if value.name == "status")

    assert status.kind == "running | interrupted | paused | failed | completed | cancelled or null"


@pytest.fixture
def callers(owner: User) -> list[Client]:
    """The owner's browser, and a script with the least scope."""
    return [signed_in(owner), script(owner, Scope.READ)]


@pytest.mark.django_db
def test_page_shows_every_operation_to_browsers_and_scripts(callers: list[Client]) -> None:
    answers = [client.get("/api/v1/docs") for client in callers]

    shown = [line.name for answer in answers for group in answer.context["groups"] for line in group.lines]
    assert sorted(shown) == sorted(2 * [line.name for line in LINES.values()])
    assert all("style-src 'self'" in answer.headers["Content-Security-Policy"] for answer in answers)


@pytest.mark.django_db
def test_description_is_json_for_browsers_and_scripts(callers: list[Client]) -> None:
    described = [client.get("/api/v1/openapi.json").json() for client in callers]

    assert [one["openapi"] for one in described] == ["3.1.0", "3.1.0"]
    assert described[0]["paths"].keys() == DESCRIBED["paths"].keys()


def test_lines_are_of_every_operation() -> None:
    assert all(isinstance(line, Line) for line in LINES.values())
    assert sorted(LINES) == sorted(OPERATIONS)
