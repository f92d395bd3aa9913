"""Every operation, as everybody: by the cookie of each role, and by a token with each scope."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from config.api import api
from processing import tokens
from processing.models import ProcessingSession, Scope
from recovery.models import AuditEntry
from tests.recovery.sound import sound_session
from tests.views import walking
from tests.views.api_places import DESCRIPTIONS, OPERATIONS, Operation
from tests.views.places import OTHERS
from tests.views.test_walk import contents

pytestmark = pytest.mark.django_db
# They ask nothing in which the databases differ.
SQLITE = pytest.mark.vendor("sqlite")
PATHS = {one.name.removeprefix("api:"): one for one in walking.addresses() if one.name.startswith("api:")}
SCOPES = list(Scope)


@pytest.fixture
def people() -> dict[str, User]:
    """Give somebody of each role."""
    return walking.make_people()


@pytest.fixture
def shared(people: dict[str, User]) -> ProcessingSession:
    """The owner's session, that everybody asks for."""
    return sound_session(owner=people["owner"], name="Autumn travel")


def path_of(name: str, session: ProcessingSession) -> str:
    """Give the address of an operation on a session's first photo."""
    query = OPERATIONS[name].query if name in OPERATIONS else ""
    return PATHS[name].path({"session_id": session.pk, "position": 0}) + query


def send(client: Client, operation: Operation, path: str, **options: Any) -> Any:
    """Ask, and take back what that has changed."""
    data = b"" if operation.body is None else json.dumps(operation.body).encode()
    before = transaction.savepoint()
    response = client.generic(operation.method.upper(), path, data, "application/json", **options)
    transaction.savepoint_rollback(before)
    return response


def by_cookie(people: Mapping[str, User], **options: Any) -> dict[str, Client]:
    """Give each role's browser."""
    clients = {}
    for role, cookie in walking.cookies_of(people).items():
        clients[role] = Client(raise_request_exception=False, **options)
        if cookie:
            clients[role].cookies["sessionid"] = cookie
    return clients


def by_token(people: Mapping[str, User], scope: Scope) -> dict[str, Client]:
    """Give scripts with one scope, of who owns, who may look and who may not; one shows what is no token."""
    texts = {role: tokens.make(people[role], [scope])[1] for role in ("owner", "auditor", "stranger")}
    texts["anonymous"] = "sp_none"
    return {
        role: Client(headers={"Authorization": f"Bearer {text}"}, raise_request_exception=False)
        for role, text in texts.items()
    }


def surprises(
    clients: Mapping[str, Client], session: ProcessingSession, expected: Callable[[Operation, str], int]
) -> list[str]:
    """Ask every operation as everybody; say where the answer is not the one that is expected, or no problem."""
    found = []
    for name, operation in OPERATIONS.items():
        for role, client in clients.items():
            answer = send(client, operation, path_of(name, session))
            wanted = expected(operation, role)
            content_type = "application/problem+json" if wanted >= 400 else "application/json"
            if (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) != (
                wanted,
                content_type,
            ):
                found.append(f"{name} as {role}: {answer.status_code}, not {wanted}")
    return found


def test_table_knows_every_operation_and_no_other() -> None:
    described = {
        operation["operationId"]: method
        for operations in api.get_openapi_schema()["paths"].values()
        for method, operation in operations.items()
    }

    assert described == {name: operation.method for name, operation in OPERATIONS.items()}
    assert sorted(PATHS) == sorted(OPERATIONS | DESCRIPTIONS)


@SQLITE
def test_operation_answers_every_role_as_the_table_says(
    people: dict[str, User], shared: ProcessingSession
) -> None:
    assert surprises(by_cookie(people), shared, lambda operation, role: operation.answers[role]) == []


@SQLITE
@pytest.mark.parametrize("scope", SCOPES)
def test_operation_answers_a_token_only_within_its_scope(
    people: dict[str, User], shared: ProcessingSession, scope: Scope
) -> None:
    def expected(operation: Operation, role: str) -> int:
        if role == "anonymous":
            return 401
        return operation.answers[role] if operation.scope == scope else 403

    assert surprises(by_token(people, scope), shared, expected) == []


@SQLITE
def test_walk_tells_an_answer_that_is_not_that_of_the_table(
    people: dict[str, User], shared: ProcessingSession
) -> None:
    clients = {"stranger": by_cookie(people)["stranger"]}

    told = surprises(clients, shared, lambda _operation, _role: 404)

    assert "list_sessions as stranger: 200, not 404" in told
    assert "show_session as stranger: 404, not 404" not in told


@SQLITE
def test_looking_by_rest_changes_nothing(people: dict[str, User], shared: ProcessingSession) -> None:
    client, before = by_cookie(people)["superuser"], contents()

    for name, operation in OPERATIONS.items():
        if operation.method == "get":
            client.get(path_of(name, shared))

    assert contents() == before


@SQLITE
def test_operation_that_acts_is_refused_without_the_sign_of_our_pages(
    people: dict[str, User], shared: ProcessingSession
) -> None:
    client = by_cookie(people, enforce_csrf_checks=True)["superuser"]
    acting = {name: one for name, one in OPERATIONS.items() if one.method != "get"}

    answered = {name: send(client, one, path_of(name, shared)).status_code for name, one in acting.items()}

    assert answered == dict.fromkeys(acting, 403)


@SQLITE
def test_refusal_of_who_may_only_look_is_recorded(people: dict[str, User], shared: ProcessingSession) -> None:
    client = by_cookie(people)["auditor"]
    # Renaming is nothing that the log knows.
    refused = [
        name for name, one in OPERATIONS.items() if one.answers["auditor"] == 403 and name != "rename_session"
    ]

    recorded = []
    for name in refused:
        before = AuditEntry.objects.count()
        operation = OPERATIONS[name]
        data = b"" if operation.body is None else json.dumps(operation.body).encode()
        client.generic(operation.method.upper(), path_of(name, shared), data, "application/json")
        recorded += [name] if AuditEntry.objects.count() == before + 1 else []

    assert recorded == refused


@SQLITE
def test_session_of_another_is_not_named_in_any_answer(
    people: dict[str, User], shared: ProcessingSession
) -> None:
    clients = by_cookie(people)

    answers = [
        send(clients[role], operation, path_of(name, shared)).content
        for name, operation in OPERATIONS.items()
        for role in OTHERS
    ]

    assert not any(b"Autumn travel" in answer for answer in answers)
    assert b"Autumn travel" in clients["owner"].get(path_of("list_sessions", shared)).content


@SQLITE
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_description_answers_every_role_as_the_table_says(
    people: dict[str, User], shared: ProcessingSession, name: str
) -> None:
    clients = by_cookie(people)

    answered = {role: client.get(path_of(name, shared)).status_code for role, client in clients.items()}

    assert answered == DESCRIPTIONS[name]
