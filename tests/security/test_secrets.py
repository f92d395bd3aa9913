"""Canaries: secrets of the environment, of people and of checkpoints are in nothing that anybody is shown or keeps."""

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django import Settings

from config import errors
from config.logs import JsonFormatter
from processing import tokens
from processing.models import ProcessingSession, Scope
from recovery import seal
from recovery.models import AuditEntry, Checkpoint
from recovery.versions import SCHEMA
from tests.commands.running import run_process
from tests.factories import MADE_AT
from tests.people import PASSWORD, make_user
from tests.recovery.sound import sound_session
from tests.views.walking import addresses

CANARY = "CANARY-3f9a"
SECRET = f"{CANARY}-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2


class Kept(logging.Handler):
    """Keeps what is logged as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.formatter = JsonFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))


@pytest.fixture
def kept(settings: Settings) -> Any:
    """Everything that is logged while secrets are in force that nobody may see."""
    settings.SECRET_KEY, settings.STOCKPROOF_CHECKPOINT_KEYS = SECRET, [SECRET]
    handler, root = Kept(), logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(level)
    root.removeHandler(handler)


def stored_rows() -> str:
    """Give all that the database's tables hold, as text."""
    shown = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 -- our own tables
            shown += [
                str([bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]) for row in cursor
            ]
    return "\n".join(shown)


@pytest.mark.django_db
def test_secrets_appear_on_no_page_and_in_no_answer_log_or_row(kept: list[str]) -> None:
    boss = make_user("boss", is_superuser=True, password=f"{PASSWORD}-{CANARY}")
    session = sound_session(owner=boss)
    _token, text = tokens.make(boss, list(Scope))
    client = Client()
    client.post("/login/", {"username": "boss", "password": f"wrong-{CANARY}"})
    client.post("/login/", {"username": f"typed-as-name-{CANARY}", "password": "wrong"})
    client.post("/login/", {"username": "boss", "password": f"{PASSWORD}-{CANARY}"})
    script = Client(headers={"Authorization": f"Bearer {text}"})
    parameters = {"session_id": session.pk, "position": 0, "file_format": "jsonl"}

    shown = []
    for one in addresses():
        if one.name.startswith("admin") or not set_of(one.route) <= parameters.keys():
            continue
        asking = script if one.name.startswith("api:") else client
        answer = asking.get(one.path(parameters))
        shown.append(str(answer.headers) + b"".join(answer).decode("utf-8", "replace"))
    shown.append(
        script.get("/api/v1/sessions", headers={"Authorization": f"Bearer {text}x"}).content.decode()
    )

    everything = {"shown": "\n".join(shown), "logged": "\n".join(kept), "stored": stored_rows()}
    assert len(shown) > 30
    assert {where for where, what in everything.items() if CANARY in what} == set()
    assert {where for where, what in everything.items() if text in what} == set()
    assert AuditEntry.objects.filter(action="login_failed").count() == 2


def set_of(route: str) -> set[str]:
    """Give the names of an address's parameters."""
    return {part.partition(">")[0].rpartition(":")[2] for part in route.split("<")[1:]}


def fail() -> None:
    """Fail with words that nobody may see."""
    raise RuntimeError(SECRET)


def test_error_page_shows_neither_the_error_nor_settings(rf: RequestFactory, kept: list[str]) -> None:
    try:
        fail()
    except RuntimeError:
        answer = errors.server_error(rf.get("/boom"))

    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_no_command_says_or_keeps_a_secret_of_its_environment(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (tmp_path / "empty").mkdir()
    secrets = {
        "SECRET_KEY": SECRET,
        "STOCKPROOF_CHECKPOINT_KEYS": SECRET,
        "DATABASE_URL": f"postgres://stockproof:{CANARY}@127.0.0.1:1/none",
        "STOCKPROOF_VAR": str(var),
        "LOG_LEVEL": "debug",
    }

    ended = [
        run_process("process", str(tmp_path / "empty"), "--json", **secrets),
        run_process("doctor", **secrets | {"DATABASE_URL": f"mysql://stockproof:{CANARY}@127.0.0.1:1/none"}),
    ]

    assert [one.returncode for one in ended] == [75, 1]
    said = "".join(one.stdout + one.stderr for one in ended)
    written = [path.read_bytes() for path in var.rglob("*") if path.is_file()]
    assert CANARY not in said
    assert CANARY.encode() not in b"".join(written)


@pytest.mark.django_db(transaction=True)
@pytest.mark.vendor("sqlite")
def test_state_of_a_checkpoint_is_in_no_file_of_the_database_and_in_no_dump() -> None:
    session = sound_session()
    checkpoint = Checkpoint(
        session=session, checkpoint_type="manual", sequence=9, processed_count=0, created_at=MADE_AT
    )
    seal.seal(checkpoint, {"versions": {"schema": SCHEMA}, "canary": CANARY})
    checkpoint.save(force_insert=True)
    ProcessingSession.objects.update(name="PLAIN-TEXT-7c1e")

    name = Path(connection.settings_dict["NAME"])
    files = b"".join(path.read_bytes() for path in name.parent.glob(f"{name.name}*"))
    with sqlite3.connect(name) as reader:
        dump = "\n".join(reader.iterdump())
    reader.close()

    assert (b"PLAIN-TEXT-7c1e" in files, "PLAIN-TEXT-7c1e" in dump) == (True, True)
    assert (CANARY.encode() in files, CANARY in dump) == (False, False)
    assert seal.read_state(Checkpoint.objects.get(pk=checkpoint.pk))["canary"] == CANARY
