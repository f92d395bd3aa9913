"""The page that describes the REST interface, drawn from its OpenAPI description: no script, nothing from outside."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from config.problems import CONTENT_TYPE, TITLES

JSON = "application/json"
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """One value that is sent: what it is called, where it stands, what it may be."""

    name: str
    place: str
    kind: str
    is_required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which an operation answers."""

    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """One operation."""

    name: str
    method: str
    path: str
    title: str
    text: str
    scope: str
    values: list[Value]
    call: str
    answer: str
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations on one kind of thing."""

    name: str
    lines: list[Line]


class Pages(DocsBase):
    """Draws the page in the look."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **values: Any) -> HttpResponse:
        """Answer with the page."""
        described = api.get_openapi_schema(path_params=values)
        context = {
            "groups": groups_of(described, request.build_absolute_uri("/").rstrip("/")),
            "text": _plain(described["info"]["description"]),
            "description": self.get_openapi_url(api, values),
        }
        return render(request, "api.html", context)


def groups_of(described: Schema, origin: str) -> list[Group]:
    """List the operations by kind of thing, in the order of the description; calls begin with an origin."""
    groups: dict[str, list[Line]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            line = _line_of(described, method.upper(), path, operation, origin)
            groups.setdefault(operation["tags"][0], []).append(line)
    return [Group(name, lines) for name, lines in groups.items()]


def _line_of(described: Schema, method: str, path: str, operation: Schema, origin: str) -> Line:
    body = _example(described, operation.get("requestBody", {}))
    done = next(answer for status, answer in operation["responses"].items() if int(status) < 300)
    answered = _example(described, done)
    return Line(
        name=operation["operationId"],
        method=method,
        path=path,
        title=operation["summary"],
        text=_plain(operation["description"]),
        scope=" ".join(scope for one in operation["security"] for scopes in one.values() for scope in scopes),
        values=[*_parameters(operation), *_fields(described, operation)],
        call=_call(method, f"{origin}{path}", body),
        answer="" if answered is None else json.dumps(answered, indent=2, ensure_ascii=False),
        answers=[_answer(int(status), one) for status, one in sorted(operation["responses"].items())],
    )


def _plain(text: str) -> str:
    """Leave out the marks of Markdown, which the description is written in and this page is not."""
    return text.replace("`", "")


def _parameters(operation: Schema) -> Iterator[Value]:
    for one in operation["parameters"]:
        meaning = one.get("description", "")
        yield Value(one["name"], one["in"], _kind(one["schema"]), one["required"], meaning)


def _fields(described: Schema, operation: Schema) -> Iterator[Value]:
    schema = _schema_of(described, operation.get("requestBody", {}))
    for name, one in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        yield Value(name, "body", _kind(one), is_required, one.get("description", ""))


def _kind(schema: Schema) -> str:
    """Say in a word or two what a value may be."""
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    kind = str(schema.get("format") or schema.get("type", "object"))
    if "minimum" in schema and "maximum" in schema:
        return f"{kind}, {schema['minimum']} to {schema['maximum']}"
    return f"{kind}, at most {schema['maxLength']} long" if "maxLength" in schema else kind


def _schema_of(described: Schema, message: Schema) -> Schema:
    """Find the schema of what is sent as JSON, behind a reference, or beside null where a body may be left out."""
    schema: Schema = message.get("content", {}).get(JSON, {}).get("schema", {})
    choices = [schema, *schema.get("anyOf", [])]
    name = next((one["$ref"].rpartition("/")[2] for one in choices if "$ref" in one), None)
    found: Schema = schema if name is None else described["components"]["schemas"][name]
    return found


def _example(described: Schema, message: Schema) -> Any:
    examples = _schema_of(described, message).get("examples", [None])
    return examples[0]


def _call(method: str, address: str, body: Any) -> str:
    """Write a call as a line for a shell."""
    parts = ["curl", "-H 'Authorization: Bearer TOKEN'"]
    if method != "GET":
        parts.insert(1, f"-X {method}")
    if body is not None:
        quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        parts += [f"-H 'Content-Type: {JSON}'", f"-d '{quoted}'"]
    return " ".join([*parts, f"'{address}'"])


def _answer(status: int, message: Schema) -> Answer:
    is_problem = CONTENT_TYPE in message.get("content", {})
    return Answer(str(status), TITLES.get(status, "") if is_problem else message["description"])
