"""What the program does not do, where what it stands on would: pickles, shells, parsers, weak cookies, open limits."""

import ast
import importlib.metadata
import json
import pickle
import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Success
from django_q.signing import SignedPackage
from pytest_django import Settings

from processing.queue import SHARED_QUEUE, Inbox
from processing.states import Stage
from tests.commands.running import MANAGE, run_process
from tests.config.test_pages import HEADERS, strict_headers
from tests.factories import MADE_AT, make_session
from tests.people import PASSWORD, make_user, signed_in

ROOT = MANAGE.parent
PRODUCT = [path for folder in ("config", "processing", "recovery") for path in (ROOT / folder).rglob("*.py")]
# They run what they are given, or unpack it.
FORBIDDEN_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "joblib",
    "xml",
    "lxml",
    "yaml",
    "tarfile",
    "zipfile",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {("os", "system"), ("os", "popen"), ("torch", "load"), ("np", "load")}
# Releases before these have published faults in decoders that strangers' files reach.
SAFE_FROM = {"pillow": (12, 3, 0), "django": (5, 2, 0), "cryptography": (42, 0, 0)}


def sins(tree: ast.AST) -> Iterator[str]:
    """Give what a module uses that it must not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from sins_of_call(node)


def sins_of_call(node: ast.Call) -> Iterator[str]:
    """Give what is wrong with one call."""
    called = node.func
    if isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS:
        yield called.id
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        name = (called.value.id, called.attr)
        yield from [".".join(name)] if name in FORBIDDEN_ATTRIBUTES else []
    yield from ["shell"] if any(keyword.arg == "shell" for keyword in node.keywords) else []


def test_product_unpickles_parses_and_runs_nothing_that_it_is_given() -> None:
    found = {str(path.relative_to(ROOT)): [*sins(ast.parse(path.read_text()))] for path in PRODUCT}

    assert {path: those for path, those in found.items() if those} == {}
    assert len(found) > 200


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from xml.etree import ElementTree", ["xml.etree"]),
        ("subprocess.run(x, shell=True)", ["shell"]),
        ("torch.load(path)", ["torch.load"]),
        ("eval(x)", ["eval"]),
        ("import json", []),
    ],
)
def test_sin_is_found_when_planted(source: str, found: list[str]) -> None:
    assert [*sins(ast.parse(source))] == found


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.django_db
def test_forged_rows_of_the_queue_run_nothing(tmp_path: Path) -> None:
    bomb = tmp_path / "exploded"
    with pytest.MonkeyPatch.context() as another_key:
        another_key.setattr(Conf, "SECRET_KEY", "f" * 64)
        forged = SignedPackage.dumps({"func": "os.system", "args": (Bomb(bomb),)})
    OrmQ.objects.create(key=SHARED_QUEUE, payload=forged)
    Schedule.objects.create(func="pathlib.Path.touch", args=f"'{bomb}'", repeats=-1)
    Success.objects.create(id="x" * 32, name="x", func="x", started=MADE_AT, stopped=MADE_AT, success=True)
    with connection.cursor() as cursor:
        unsigned = b64encode(pickle.dumps(Bomb(bomb))).decode()
        cursor.execute("UPDATE django_q_task SET args = %s, result = %s", [unsigned, unsigned])
    looks = iter([False, True])
    session = make_session(stage=Stage.RUNNING, owner=make_user("ines"))

    taken = Inbox(SHARED_QUEUE, lambda: next(looks)).get()
    page = signed_in(make_user("boss", is_superuser=True)).get(f"/sessions/{session.pk}/")

    assert (taken, page.status_code, OrmQ.objects.count()) == ("STOP", 200, 0)
    assert not bomb.exists()


def test_forged_row_would_have_run_if_it_had_been_read(tmp_path: Path) -> None:
    SignedPackage.loads(SignedPackage.dumps(Bomb(tmp_path / "exploded")))

    assert (tmp_path / "exploded").exists()


COOKIES = """
from django.conf import settings
import json
names = [f"{kind}_COOKIE_{what}" for kind in ("SESSION", "CSRF") for what in ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "DOMAIN", "PATH")]
print(json.dumps({name: getattr(settings, name) for name in names}))
"""


def test_cookies_of_a_public_server_are_bound_to_host_and_https() -> None:
    shown = run_process("shell", "--no-imports", "-c", COOKIES, STOCKPROOF_SERVED="public")

    bound = {"SECURE": True, "HTTPONLY": True, "SAMESITE": "Lax", "DOMAIN": None, "PATH": "/"}
    assert json.loads(shown.stdout) == {
        **{f"SESSION_COOKIE_{what}": value for what, value in bound.items()},
        **{f"CSRF_COOKIE_{what}": value for what, value in bound.items()},
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
    }


@pytest.mark.django_db
def test_cookies_that_are_set_say_so(client: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    make_user("ines", password=PASSWORD)

    client.get("/login/", secure=True)
    client.post("/login/", {"username": "ines", "password": PASSWORD}, secure=True)

    told = {
        name: (one["secure"], one["httponly"], one["samesite"], one["domain"], one["path"])
        for name, one in client.cookies.items()
    }
    assert told == dict.fromkeys(("__Host-sessionid", "__Host-csrftoken"), (True, True, "Lax", "", "/"))
    assert client.get("/", secure=True).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/nothing", 404),
        ("get", "/api/v1/sessions", 401),
        ("put", "/api/v1/sessions", 405),
        ("get", "/metrics", 200),
        ("get", "/healthz", 200),
        ("get", "/sessions/nothing/", 404),
        ("post", "/logout/", 403),
    ],
)
def test_errors_and_machines_answers_carry_the_strict_headers(method: str, path: str, status: int) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert (answer.status_code, strict_headers(answer)) == (status, HEADERS)


@pytest.mark.django_db
def test_form_with_too_many_fields_is_refused() -> None:
    client = signed_in(make_user("ines"))

    answer = client.post("/sessions/new/", {f"field{number}": "x" for number in range(1001)})

    assert (answer.status_code, strict_headers(answer)) == (400, HEADERS)


def test_static_analysis_looks_for_security_and_nothing_is_silenced_without_a_reason() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    silenced = [
        f"{path.name}: {line.strip()}"
        for path in PRODUCT
        for line in path.read_text().splitlines()
        if re.search(r"noqa: S\d", line) and "--" not in line.partition("noqa")[2]
    ]

    assert "S" in ruff["select"]
    assert [rule for rule in ruff["ignore"] if rule.startswith("S") and not rule.startswith("SIM")] == []
    assert silenced == []
    assert "ruff check" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("package", SAFE_FROM)
def test_installed_package_has_no_published_fault_that_a_photo_reaches(package: str) -> None:
    version = tuple(int(part) for part in importlib.metadata.version(package).split(".")[:3])

    assert version >= SAFE_FROM[package][: len(version)]
