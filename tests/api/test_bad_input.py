"""Every field of every operation, given what it cannot be: a sentence that says why, and nothing changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.test import Client

from processing.models import Batch, ImageResult, Override, Preset, ProcessingSession
from processing.throttle import BUCKETS
from recovery.models import Checkpoint, Crash, RecoveryAttempt
from recovery.resume import execute_recovery
from tests.api.asking import script
from tests.api.operations import Attempt, Call, Operation, operations, right, wrong
from tests.people import make_user
from tests.recovery.views.scenes import interrupt, lying_session

pytestmark = [pytest.mark.django_db, pytest.mark.vendor("sqlite")]
MODELS: tuple[type[models.Model], ...] = (
    *(
        ProcessingSession,
        Batch,
        ImageResult,
        Override,
        Checkpoint,
        Crash,
        RecoveryAttempt,
        Preset,
        User,
        Group,
    ),
)
NOBODYS = str(uuid4())
PRESET = {"name": "Microstock", "rules": {"min_megapixels": 4}}
OVERRIDE: dict[str, Any] = {"verdict": "rejected", "note": "soft"}
PROBLEM = "application/problem+json"
SENTENCE_LENGTH_MIN = 10


def calls(folder: Path, ids: dict[str, Any]) -> dict[str, Call]:
    """Say how each operation is called rightly. One that is not here fails the test."""
    checkpoints = (NOBODYS, ids["others_checkpoint"])
    source = {"source": str(folder / "spare"), "new": True}
    strange = ("No such preset",)
    sources = (str(folder / "nowhere"), "relative", str(folder / "spare" / "000000.jpg"))
    recover = {"option": "continue", "attempt": 0}
    return {
        "list_sessions": Call(query={"limit": 1}),
        "create_session": Call(body=source, stale={"source": sources, "preset": strange}),
        "show_session": Call(),
        "rename_session": Call(body={"name": "Coast"}),
        "show_progress": Call(),
        "pause_session": Call(body={"reason": "why not"}),
        "cancel_session": Call(body={"reason": "why not"}),
        "list_results": Call(query={"verdict": "approved"}),
        "show_result": Call(),
        "override_result": Call(body=OVERRIDE),
        "override_results": Call(body=OVERRIDE | {"verdict_is": "approved"}),
        "list_presets": Call(),
        "create_preset": Call(
            "chief", body=PRESET, stale={"name": ("Adobe Stock",), "rules": ({"no_rule": 1},)}
        ),
        "list_audit": Call(query={"limit": 1}),
        "verify_audit": Call("chief", body={}, stale={"head": ()}),
        "list_crashed_sessions": Call(query={"limit": 1}),
        "list_recovery_options": Call(session="interrupted", stale={"checkpoint": checkpoints}),
        "recover_session": Call(
            session="interrupted", body=recover, stale={"attempt": (7,), "checkpoint_id": checkpoints}
        ),
        "resume_session": Call(session="paused"),
        "roll_back_recovery": Call(session="recovered", body={"attempt": 1}, stale={"attempt": (2,)}),
        "list_checkpoints": Call(query={"limit": 1}),
        "clean_up_checkpoints": Call(query={"keep": 1}),
        "get_latest_checkpoint": Call(),
        "take_checkpoint": Call(body={"note": "mine"}),
        "take_emergency_checkpoint": Call(body={"note": "mine"}),
        "verify_session": Call(body={"repair": True}),
        "get_recovery_statistics": Call(query={"since": "30d"}),
    }


@pytest.fixture
def ids(tmp_path: Path) -> dict[str, Any]:
    """Sessions of ines in the states that operations ask for, one of ben, and a folder that no session reads."""
    ines, ben = make_user("ines"), make_user("ben")
    owners = {
        "running": ines,
        "paused": ines,
        "interrupted": ines,
        "recovered": ines,
        "others": ben,
        "spare": ben,
    }
    made = {name: lying_session(tmp_path / name, owner=owner, name=name) for name, owner in owners.items()}
    made["paused"].pause()
    interrupt(made["interrupted"])
    made["recovered"].pause()
    execute_recovery(made["recovered"], "continue")
    others = Checkpoint.objects.filter(session=made["others"]).first()
    assert others is not None
    return {name: session.pk for name, session in made.items()} | {"others_checkpoint": str(others.pk)}


@pytest.fixture
def clients(ids: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Client]:
    """Scripts of a photographer and of an Administrator, as quick as they like."""
    monkeypatch.setattr(BUCKETS, "burst", 10**9)
    chief = make_user("chief")
    chief.groups.add(Group.objects.get(name="Administrator"))
    return {"ines": script(User.objects.get(username="ines")), "chief": script(chief)}


def ask(client: Client, operation: Operation, attempt: Attempt) -> Any:
    """Send a request."""
    send = getattr(client, operation.method)
    if operation.method in ("get", "delete"):
        return send(attempt.path, query_params=attempt.query, headers=attempt.headers)
    data, kind = attempt.body or b"", "application/json"
    return send(attempt.path, data, content_type=kind, query_params=attempt.query, headers=attempt.headers)


def contents() -> dict[str, Any]:
    """Give all that the tables hold."""
    return {one.__name__: list(one._default_manager.order_by("pk").values()) for one in MODELS}


def fault_of(response: Any) -> str:
    """Say how an answer to a wrong request is wrong itself; nothing if it is a refusal with a sentence."""
    if not 400 <= response.status_code < 500:
        return f"answers {response.status_code}"
    if response.headers["Content-Type"] != PROBLEM:
        return f"answers {response.headers['Content-Type']}"
    detail = response.json()["detail"]
    return "" if len(detail) >= SENTENCE_LENGTH_MIN and " " in detail else f"says {detail!r}"


def faults(client: Client, operation: Operation, attempts: Iterator[Attempt]) -> list[str]:
    """Send wrong requests; say which are not refused as they should be, and whether they have changed something."""
    saved, before = transaction.savepoint(), contents()
    told = [(attempt.what, fault_of(ask(client, operation, attempt))) for attempt in attempts]
    found = [f"{operation.name}, {what}: {fault}" for what, fault in told if fault]
    if contents() != before:
        found.append(f"{operation.name}: changes something")
    transaction.savepoint_rollback(saved)
    return found


def test_every_operation_has_a_right_call(
    tmp_path: Path, ids: dict[str, Any], clients: dict[str, Client]
) -> None:
    known, answered = calls(tmp_path, ids), {}
    for operation in operations():
        call = known[operation.name]
        saved = transaction.savepoint()
        answered[operation.name] = ask(
            clients[call.caller], operation, right(operation, call, ids)
        ).status_code
        transaction.savepoint_rollback(saved)

    assert answered.keys() == known.keys()
    assert {name: status for name, status in answered.items() if not 200 <= status < 300} == {}


def test_wrong_input_is_refused_with_a_sentence_and_changes_nothing(
    tmp_path: Path, ids: dict[str, Any], clients: dict[str, Client]
) -> None:
    known, found = calls(tmp_path, ids), []
    for operation in operations():
        call = known[operation.name]
        found += faults(clients[call.caller], operation, wrong(operation, call, ids))

    assert found == []


def test_wrong_input_that_is_taken_is_told(ids: dict[str, Any], clients: dict[str, Client]) -> None:
    operation = next(one for one in operations() if one.name == "pause_session")
    taken = right(operation, Call(body={"reason": "why not"}), ids)
    before = contents()

    found = faults(clients["ines"], operation, iter([taken]))

    assert found == ["pause_session, nothing: answers 200", "pause_session: changes something"]
    assert contents() == before
