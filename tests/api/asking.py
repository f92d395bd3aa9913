"""Asks the REST interface as scripts and browsers do, in tests."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from processing import tokens
from processing.models import Scope

PROBLEM = "application/problem+json"
# The members that every problem has.
MEMBERS = {"type", "title", "status", "code", "detail", "hint", "request_id"}


def script(user: User, *scopes: Scope, **options: Any) -> Client:
    """Give a script that shows a token of this person, with these scopes; with every scope if none is named."""
    _token, text = tokens.make(user, scopes or list(Scope))
    return showing(text, **options)


def showing(text: str, **options: Any) -> Client:
    """Give a script that shows this text as its token."""
    return Client(headers={"Authorization": f"Bearer {text}"}, raise_request_exception=False, **options)


def post(client: Client, path: str, body: object = None, **options: Any) -> Any:
    """Send a body as JSON; without one nothing."""
    data = b"" if body is None else json.dumps(body).encode()
    return client.post(path, data, content_type="application/json", **options)


def patch(client: Client, path: str, body: object, **options: Any) -> Any:
    """Send a change as JSON."""
    return client.patch(path, json.dumps(body), content_type="application/json", **options)


def told(response: Any, status: int, code: str) -> dict[str, Any]:
    """Give the problem that was answered, having looked that it is a whole one of this status and code."""
    body = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (status, PROBLEM), body
    assert body.keys() >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body
