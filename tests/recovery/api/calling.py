"""Scripts that call the REST interface of recovery, and what they are answered."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession, Scope
from tests.api.asking import PROBLEM, post, script

SENTENCE_LENGTH_MIN = 10


def script_of(user: User, *scopes: Scope) -> Client:
    """Give a client that speaks for a person with a token; with every scope unless some are named."""
    return script(user, *scopes, REMOTE_ADDR="10.0.0.7")


def api(session: ProcessingSession, name: str) -> str:
    """Give the address of an operation on a session."""
    return f"/api/recovery/sessions/{session.pk}/{name}"


def send(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    """POST a body as JSON, or none."""
    return post(client, path, body, headers=headers)


def problem_of(response: Any) -> dict[str, Any]:
    """Give a problem, which says in a sentence what is wrong."""
    assert response.headers["Content-Type"] == PROBLEM
    told: dict[str, Any] = response.json()
    assert told["status"] == response.status_code
    assert len(told["detail"]) >= SENTENCE_LENGTH_MIN
    return told
