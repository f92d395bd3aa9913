"""Paths: whatever is asked for as a source, nothing outside of the named folders is opened, and the asking is recorded."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from processing.models import ProcessingSession
from recovery.models import AuditEntry
from tests.folders import put
from tests.people import make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.vendor("sqlite")]
# `{root}` is the folder that may be read; beside it lie `{out}` and a link to that from inside.
OUTSIDE = (
    "/",
    "//",
    "///",
    "/.",
    "/..",
    "/etc",
    "/etc/",
    "//etc",
    "/etc/ssl",
    "/etc/../etc",
    "/proc",
    "/proc/self",
    "/proc/self/environ",
    "/proc/self/root",
    "/proc/self/fd",
    "/dev",
    "/dev/fd",
    "/sys",
    "/tmp",  # noqa: S108 -- asked for, never written
    "/root",
    "/home",
    "//host/share",
    "//127.0.0.1/c$",
    "~",
    "~root",
    "~/",
    "{root}/..",
    "{root}/../",
    "{root}/../out",
    "{root}/./../out",
    "{root}/sub/../../out",
    "{root}//..//out",
    "{root}/link",
    "{root}/link/",
    "{root}/link/.",
    "{root}/link/../out",
    "{root}/sub/up",
    "{out}",
    "{out}/.",
    "{root}x",
    "{root}/../{name}x",
)
# They name a folder inside, one that is not there, or nothing: refused too, but nobody asked for what is another's.
INSIDE = (
    "{root}/%2e%2e/out",
    "{root}/..%2fout",
    "{root}/%00",
    "{root}/\\..\\out",
    "{root}/...",
    "{root}/ ..",
)
NO_PATHS = (
    "",
    ".",
    "..",
    "../out",
    "sub",
    "C:\\",
    "file:///etc",
    "http://127.0.0.1/",
    "{root}/a\0b",
    "{root}/\n..",
)
opened: list[str] = []
_is_watching = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching and event in ("open", "os.scandir", "os.listdir"):
        opened.append(os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "a descriptor")


sys.addaudithook(_note)


@pytest.fixture
def folders(tmp_path: Path, settings: Settings) -> dict[str, str]:
    """A folder that may be read, with links out of it, and one beside it with a photo that nobody may see."""
    put(tmp_path, "out/SECRET-OUTSIDE.jpg", "photosx/SECRET-OUTSIDE.jpg", "photos/sub/notes.txt")
    root = tmp_path / "photos"
    (root / "link").symlink_to(tmp_path / "out")
    (root / "sub" / "up").symlink_to("../..")
    settings.STOCKPROOF_SOURCE_ROOTS = [root]
    return {"root": str(root), "out": str(tmp_path / "out"), "name": "photos"}


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """Everything that this process opens or lists from now on, as the interpreter tells it."""
    global _is_watching
    opened.clear()
    _is_watching = True
    yield opened
    _is_watching = False


def by_page(client: Client, source: str) -> int:
    """Ask by the page of a new session."""
    sizes = {"checkpoint_interval": "7", "batch_size": "21"}
    return client.post("/sessions/new/", {"source": source, "preset": "Adobe Stock", **sizes}).status_code


def by_rest(client: Client, source: str) -> int:
    """Ask by the REST interface."""
    return client.post("/api/v1/sessions", json.dumps({"source": source}), "application/json").status_code


@pytest.mark.parametrize(("ask", "status"), [(by_page, 400), (by_rest, 422)])
def test_nothing_outside_is_opened_and_asking_for_it_is_recorded(
    folders: dict[str, str], watched: list[str], ask: Any, status: int
) -> None:
    client = signed_in(make_user("ines"))
    outside = [text.format(**folders) for text in OUTSIDE]
    others = [text.format(**folders) for text in INSIDE + NO_PATHS]
    watched.clear()

    statuses = {source: ask(client, source) for source in outside + others}

    assert statuses == dict.fromkeys(outside + others, status)
    entries = AuditEntry.objects.filter(action="session", actor="ines").order_by("number")
    recorded = [(one.outcome, one.details["source"]) for one in entries]
    wanted = [source for source in outside if source.startswith("/")]
    assert [source for _outcome, source in recorded if source in wanted] == wanted
    assert {outcome for outcome, _source in recorded} == {
        "refused: The source is outside the folders that sessions may read."
    }
    assert [path for path in watched if is_strange(path, folders)] == []
    assert ProcessingSession.objects.count() == 0


def is_strange(path: str, folders: dict[str, str]) -> bool:
    """Say whether a path that was opened is one of those that were asked for, or lies in what nobody may see."""
    asked_for = {os.path.realpath(text.format(**folders)) for text in OUTSIDE if text.startswith(("/", "{"))}
    return os.path.realpath(path) in asked_for or path.startswith((folders["out"], folders["root"] + "x"))


@pytest.mark.parametrize("source", ["/etc", "{out}", "{root}/link"])
def test_count_opens_nothing_outside_and_is_recorded(
    folders: dict[str, str], watched: list[str], source: str
) -> None:
    client, asked = signed_in(make_user("ines")), source.format(**folders)
    watched.clear()

    answer = client.post("/sessions/new/", {"look": "1", "source": asked}, headers={"HX-Request": "true"})

    assert "outside the folders that sessions may read" in answer.content.decode()
    assert AuditEntry.objects.filter(action="session").values_list("details", flat=True).get() == {
        "source": asked
    }
    assert [path for path in watched if is_strange(path, folders)] == []


def test_watching_tells_what_is_opened(folders: dict[str, str], watched: list[str]) -> None:
    os.scandir(folders["out"]).close()

    assert [path for path in watched if is_strange(path, folders)] == [folders["out"]]
