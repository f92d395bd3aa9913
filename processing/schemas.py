"""Shapes of the REST interface: what every operation shares, and the objects of sessions and photos.

The objects are those that commands print as JSON, without `type`; a test holds each against what is published.
"""

import unicodedata
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from config.problems import CONTENT_TYPE

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]
SESSION = "0190a5c4-d1e8-4a0f-8a53-f1a2b3c4d5e6"
STATUS = {
    "session": SESSION,
    "status": "running",
    "processed": 400,
    "total": 640,
    "approved": 310,
    "rejected": 88,
    "failed": 2,
    "skipped": 1,
    "rate_per_s": 7.6,
    "eta_s": 31.6,
}
LISTED = STATUS | {
    "name": "Autumn travel",
    "source": "/photos/2026/autumn",
    "preset": "Adobe Stock",
    "created_at": "2026-11-24T18:00:02.113000Z",
}
NO_CONTROLS = {"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"}


def one_line(text: str) -> str:
    """Refuse control characters: they cannot be seen, and break lines of lists and logs. Raises ValueError."""
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValueError("Leave out control characters, such as line breaks and tabs.")
    return text


# A text without line breaks is a str with Field(max_length=..., json_schema_extra=NO_CONTROLS), then ONE_LINE.
ONE_LINE = AfterValidator(one_line)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# In JSON 34.0 is the same number as 34; an int with this takes both, and no text.
WHOLE = BeforeValidator(_whole)


def example(value: dict[str, Any]) -> ConfigDict:
    """Give a schema an example, for `model_config`."""
    return ConfigDict(json_schema_extra={"examples": [value]})


class Strict(Schema):
    """What is sent to us: no other keys, and no value that would first have to be made one of the right type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(Schema):
    """What we send: further keys may be added."""

    model_config = ConfigDict(extra="allow")


class Problem(Told):
    """A problem by RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    request_id: str


def refusals(*statuses: int) -> dict[str, Any]:
    """Describe the problems that an operation may answer with, for `openapi_extra`; some any operation may."""
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    every = sorted({400, 401, 403, 422, 429, 500, 503, *statuses})
    answers: dict[Any, Any] = {status: {"description": "A problem", "content": content} for status in every}
    return answers


class Worker(Told):
    """A worker that is in a session's lane."""

    worker: str
    host: str
    pid: int
    device: str
    heartbeat_age_s: float
    photo: str | None


class Session(Told):
    """A session in a list."""

    model_config = example(LISTED)

    session: UUID
    status: str
    processed: int
    total: int | None
    approved: int
    rejected: int
    failed: int
    skipped: int
    rate_per_s: float | None
    eta_s: float | None
    name: str
    source: str
    preset: str
    created_at: str


class SessionPage(Told):
    """Some sessions, newest first; `next` is what `after` takes for those that follow."""

    items: list[Session]
    next: str | None
