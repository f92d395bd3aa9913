"""Scripts that call the REST interface of recovery, and what they are answered."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from processing import tokens
from processing.models import ProcessingSession, Scope

PROBLEM = "application/problem+json"
SENTENCE_LENGTH_MIN = 10


def script_of(user: User, *scopes: Scope) -> Client:
    """Give a client that speaks for a person with a token; with every scope unless some are named."""
    _token, text = tokens.make(user, scopes or Scope)
    return Client(headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR="10.0.0.7")


def api(session: ProcessingSession, name: str) -> str:
    """Give the address of an operation on a session."""
    return f"/api/recovery/sessions/{session.pk}/{name}"


def send(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    """POST a body as JSON, or none."""
    text = "" if body is None else json.dumps(body)
    return client.post(path, text, content_type="application/json", headers=headers)


def problem_of(response: Any) -> dict[str, Any]:
    """Give a problem, which says in a sentence what is wrong."""
    assert response.headers["Content-Type"] == PROBLEM
    told: dict[str, Any] = response.json()
    assert told["status"] == response.status_code
    assert len(told["detail"]) >= SENTENCE_LENGTH_MIN
    return told
