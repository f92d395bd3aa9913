"""Every operation of the REST interface: how it is called rightly, and in how many ways wrongly."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import jsonschema_rs

from config.api import api

HUGE = 10**400
WRONG_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        HUGE,
        "",
        "nonsense",
        "0",
        "two\nlines",
        "nul\0",
        "x" * 100_000,
        [],
        ["x"],
        {},
        {"x": 1},
    ),
)
WRONG_TEXTS = (
    "",
    "nonsense",
    "-1",
    "1.5",
    "9" * 400,
    "nul\0",
    "two\nlines",
    "x" * 5000,
    "'; --",
    b"\xff\xfe",
)
WRONG_BODIES = (b"[]", b'"text"', b"7", b"{", b"\xff\xfe", b'{"a":', b"[" * 20_000, b'{"a": NaN}')
WRONG_KEYS = ("", "two words", "x" * 256, "\u00e9")


@dataclass(frozen=True)
class Call:
    """A right call: who makes it, on which session, with what; and values that are well-formed but stale or another's."""

    caller: str = "ines"
    session: str = "running"
    position: int = 0
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    stale: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """An operation as the description gives it."""

    name: str
    method: str
    path: str
    parameters: Mapping[str, Mapping[str, Any]]
    fields: Mapping[str, Any]
    takes_body: bool


@dataclass(frozen=True)
class Attempt:
    """One request: what is wrong with it, its path, query and body."""

    what: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def operations(description: Mapping[str, Any] | None = None) -> list[Operation]:
    """List what the description lists."""
    described = description or api.get_openapi_schema()
    return [
        _operation(described, method, path, one)
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]


def _operation(described: Mapping[str, Any], method: str, path: str, one: Mapping[str, Any]) -> Operation:
    content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        name=one["operationId"],
        method=method,
        path=path,
        parameters={
            each["name"]: {**each, "schema": each["schema"] | {"components": described["components"]}}
            for each in one["parameters"]
        },
        fields=_fields(described, content.get("schema", {})),
        takes_body="requestBody" in one,
    )


def _fields(described: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a body's fields by name, each as a schema that stands alone."""
    refs = [schema, *schema.get("anyOf", [])]
    name = next((each["$ref"].rsplit("/", 1)[-1] for each in refs if "$ref" in each), None)
    properties = described["components"]["schemas"][name]["properties"] if name else {}
    return {key: value | {"components": described["components"]} for key, value in properties.items()}


def right(operation: Operation, call: Call, ids: Mapping[str, Any]) -> Attempt:
    """Give the right request."""
    path = operation.path.replace("{session_id}", str(ids[call.session]))
    body = None if call.body is None else json.dumps(call.body).encode()
    return Attempt("nothing", path.replace("{position}", str(call.position)), call.query, body)


def wrong(operation: Operation, call: Call, ids: Mapping[str, Any]) -> Iterator[Attempt]:
    """Give every wrong request: each parameter and each field with each wrong value, and the body as a whole."""
    good = right(operation, call, ids)
    yield from _wrong_paths(operation, call, ids, good)
    yield from _wrong_parameters(operation, call, good)
    yield from _wrong_fields(operation, call, good)
    if operation.takes_body:
        unknown = json.dumps({**(call.body or {}), "unknown": 1}).encode()
        for body in (*WRONG_BODIES, unknown):
            yield Attempt(f"body {body!r:.40}", good.path, good.query, body)


def _wrong_parameters(operation: Operation, call: Call, good: Attempt) -> Iterator[Attempt]:
    for name, parameter in operation.parameters.items():
        if parameter["in"] == "query":
            for text in (*_not_allowed(parameter["schema"], WRONG_TEXTS), *call.stale.get(name, ())):
                yield Attempt(f"query {name}={text!r:.40}", good.path, {**good.query, name: text}, good.body)
        elif parameter["in"] == "header":
            for key in WRONG_KEYS:
                yield Attempt(f"key {key!r:.20}", good.path, good.query, good.body, {name: key})


def _wrong_fields(operation: Operation, call: Call, good: Attempt) -> Iterator[Attempt]:
    for name, schema in operation.fields.items():
        for value in (*_not_allowed(schema, WRONG_VALUES), *call.stale.get(name, ())):
            body = json.dumps({**(call.body or {}), name: value}).encode()
            yield Attempt(f"body {name}={value!r:.40}", good.path, good.query, body)


def _wrong_paths(
    operation: Operation, call: Call, ids: Mapping[str, Any], good: Attempt
) -> Iterator[Attempt]:
    if "session_id" in operation.parameters:
        mine = str(ids[call.session])
        for strange in ("7", mine[:8], f"{mine}x", "nul%00", "..%2f..", "x" * 2000, uuid4(), ids["others"]):
            path = good.path.replace(mine, str(strange))
            yield Attempt(f"session {strange!s:.40}", path, good.query, good.body)
    if "position" in operation.parameters:
        for strange in ("x", "-1", "1.5", "9" * 400, "%00", 10**9):
            path = f"{good.path.rsplit('/', 1)[0]}/{strange}"
            yield Attempt(f"position {strange!s:.40}", path, good.query, good.body)


def _not_allowed(schema: Mapping[str, Any], values: tuple[Any, ...]) -> list[Any]:
    """Give the values that the description does not allow; bytes that are no text are read as two question marks."""
    is_valid = jsonschema_rs.validator_for(dict(schema), validate_formats=True).is_valid
    read = ("\ufffd\ufffd" if isinstance(value, bytes) else value for value in values)
    return [value for value, text in zip(values, read, strict=True) if value is HUGE or not is_valid(text)]
