"""Addresses, filters and actions that nobody offered: they find nothing, change nothing, and never fail."""

import ast
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.admin import MachineRowAdmin
from processing.models import Preset, ProcessingSession
from recovery.bulk import ACTS
from tests.factories import make_session
from tests.people import make_user, signed_in, statements
from tests.views.test_bad_input import NO_DATA, OURS, WRITES
from tests.views.walking import Address, addresses

pytestmark = pytest.mark.django_db
HUGE = "9" * 400
ODD = ("a\0b", HUGE, "seven")
SESSIONS = "/admin/processing/processingsession/"
# What is read without a form, because there is nothing to say of a value that means nothing: it is left aside.
READ_BARE = {
    ("processing.views.pictures", "reason"),
    ("processing.views.settings", "next"),
    ("processing.views.creation", "preset"),
    ("processing.views.verdicts", "note"),
    ("recovery.views.statistics", "since"),
    ("config.guard", "*"),
    ("processing.admin", "*"),
}


@pytest.fixture
def root(db: None) -> Client:
    """A browser of somebody for whom nothing is hidden."""
    client = signed_in(make_user("root", is_superuser=True))
    client.raise_request_exception = False
    return client


def answered(client: Client, path: str) -> int:
    """Ask; give the status."""
    response = client.get(path)
    b"".join(response)
    return response.status_code


def odd_paths(address: Address) -> Iterator[str]:
    """Give paths of an address with parameters that name nothing."""
    for value in ("a\0b", HUGE, str(uuid4())):
        yield quote(address.path(Everything(value)))


class Everything(dict[str, object]):
    """The same value for every parameter."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self._value = value

    def __missing__(self, key: str) -> str:
        return self._value


def test_address_of_nothing_is_not_found(root: Client) -> None:
    found = {
        path: status
        for address in addresses()
        if "<" in address.route
        for path in odd_paths(address)
        if (status := answered(root, path)) not in (302, 403, 404, 405)
        # REST says what is wrong with an id that is none.
        and not (status == 422 and path.startswith("/api/"))
    }

    assert found == {}


@pytest.mark.parametrize("value", ODD)
def test_list_of_the_administration_copes_with_an_odd_filter(root: Client, value: str) -> None:
    found = {}
    for model, one in admin.site._registry.items():
        names = [
            "p",
            "o",
            "e",
            "all",
            "q",
            "id__exact",
            "nonsense",
            *(f"{name}__exact" for name in one.list_filter),
        ]
        for name in names:
            path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/?{urlencode({name: value})}"
            if (status := answered(root, path)) not in (200, 302, 400):
                found[f"{model.__name__} {name}"] = status

    assert found == {}


def acted_on() -> list[tuple[type[models.Model], str]]:
    """List every action of the administration with its model."""
    own = [(ProcessingSession, name) for name in ACTS]
    return [*own, *((model, "delete_selected") for model in (Preset, User, Group))]


def written(client: Client, path: str, data: dict[str, object]) -> tuple[int, list[str]]:
    """Send a form; give the status and what it wrote."""
    with CaptureQueriesContext(connection) as captured:
        status = client.post(path, data).status_code
    return status, [
        sql
        for sql in statements(captured)
        if sql.startswith(WRITES) and not any(one in sql for one in NO_DATA)
    ]


@pytest.mark.parametrize(("model", "action"), acted_on(), ids=lambda one: getattr(one, "__name__", one))
def test_action_on_nothing_changes_nothing(root: Client, model: type[models.Model], action: str) -> None:
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"

    answers = {
        value: written(
            root, path, {"action": action, "_selected_action": [value], "confirmed": "yes", "post": "yes"}
        )
        for value in (*ODD, "", str(uuid4()))
    }

    assert {
        value: answer for value, answer in answers.items() if answer not in ((302, []), (400, []), (200, []))
    } == {}


@pytest.mark.parametrize("action", [*ODD, "", "delete_selected"])
def test_action_that_is_none_changes_nothing(root: Client, action: str) -> None:
    session = make_session(total=4)

    answer = written(root, SESSIONS, {"action": action, "index": action, "_selected_action": [session.pk]})

    assert answer in ((302, []), (200, []))


def test_every_action_of_the_administration_is_known() -> None:
    offered = {
        (model, name)
        for model, one in admin.site._registry.items()
        for name in (
            one.actions or () if isinstance(one, MachineRowAdmin) else (*one.actions, "delete_selected")
        )
    }

    assert offered == set(acted_on())


def bare_reads() -> Iterator[tuple[str, str]]:
    """List what the product reads of a request without a form: the module and the name, or * for one made up there."""
    for path in (path for app in OURS for path in Path(app).rglob("*.py")):
        module = ".".join(path.with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "request.GET.get",
                "request.POST.get",
            ):
                name = node.args[0]
                yield module, str(name.value) if isinstance(name, ast.Constant) else "*"
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in (
                "request.GET",
                "request.POST",
            ):
                yield module, ast.unparse(node.slice)


def test_input_goes_through_a_form_but_for_what_is_known() -> None:
    assert set(bare_reads()) == READ_BARE
