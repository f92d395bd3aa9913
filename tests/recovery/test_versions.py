"""States of older code versions: each golden checkpoint, once sealed by its version, opens in this one for ever.

A new schema adds a file, which `write` makes.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from recovery import seal
from recovery.models import Checkpoint
from recovery.versions import SCHEMA, VersionRefused, upgrade

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("schema-*.json"))
KEY = "golden checkpoints only"
BINARY = ("session_state", "previous", "seal")
UUIDS = ("id", "session_id")
COLUMNS = [field.attname for field in Checkpoint._meta.concrete_fields]


def read(path: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Read a golden checkpoint, and the state that it must open to in this version."""
    stored = json.loads(path.read_text())
    columns = stored["columns"]
    for name in BINARY:
        columns[name] = bytes.fromhex(columns[name])
    for name in UUIDS:
        columns[name] = UUID(columns[name])
    columns["created_at"] = datetime.fromisoformat(columns["created_at"])
    return Checkpoint(**columns), stored["state"]


def state_of(schema: int) -> dict[str, Any]:
    """Make the least state that names a schema."""
    return {"versions": {"code": "0.9", "schema": schema}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_golden_checkpoint_opens_to_the_state_of_this_version(path: Path, settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["another", KEY]
    checkpoint, state = read(path)

    assert seal.open_state(checkpoint) == state


def test_there_is_a_golden_checkpoint_of_each_schema() -> None:
    assert [path.stem for path in FILES] == [f"schema-{number}" for number in range(1, SCHEMA + 1)]


def test_older_state_is_brought_up_step_by_step() -> None:
    steps = {1: lambda state: state | {"first": True}, 2: lambda state: state | {"second": state["first"]}}

    state = upgrade(state_of(1), steps)

    assert state == {"versions": {"code": "0.9", "schema": 3}, "first": True, "second": True}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            state_of(SCHEMA + 1),
            f"has schema {SCHEMA + 1} (written by version 0.9), and this version reads schema {SCHEMA}. Run the newer",
        ),
        ({}, "has schema None (written by version unknown)"),
    ],
)
def test_state_that_this_version_cannot_read_is_refused_with_a_sentence(
    state: dict[str, Any], text: str
) -> None:
    with pytest.raises(VersionRefused) as refused:
        upgrade(state)

    assert text in str(refused.value)


def test_state_that_is_too_old_is_refused_with_a_sentence() -> None:
    with pytest.raises(VersionRefused, match=r"reads schema 4\. Go back to a younger checkpoint"):
        upgrade(state_of(1), {2: dict, 3: dict})


def test_checkpoint_of_a_newer_version_is_not_intact_and_says_why(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = [KEY]
    checkpoint, _ = read(FILES[-1])
    seal.seal(checkpoint, state_of(SCHEMA + 1))

    assert (seal.problem_of(checkpoint) or "").startswith(f"The checkpoint's state has schema {SCHEMA + 1}")


def write() -> None:
    """Seal a checkpoint of the current schema with the golden key, for the versions to come."""
    state = {
        "stage": "running",
        "current_batch": 2,
        "current_image_index": 63,
        "open_batches": [
            {
                "number": 2,
                "kind": "photos",
                "processed": 13,
                "approved": 9,
                "rejected": 2,
                "unreadable": 1,
                "quarantined": 1,
                "reason_counts": {"noise": 2, "unreadable": 1, "quarantined": 1},
                "digest": "ab" * 20,
                "head": "cd" * 20,
            }
        ],
        "processed": 63,
        "approved": 59,
        "rejected": 2,
        "failed": 2,
        "memory_bytes": 512_000_000,
        "device_memory_bytes": None,
        "device_utilization": 0.25,
        "rate_per_s": 8.5,
        "errors_count": 1,
        "last_error": "Input/output error",
        "config_snapshot": {
            "preset_name": "Adobe Stock",
            "preset": {"noise_max": 2.5},
            "settings": {
                "batch_size": 50,
                "checkpoint_interval": 10,
                "lanes": 64,
                "recursive": True,
                "photo_timeout_s": 30.0,
                "checkpoint_keep_count": 5,
                "device": "auto",
            },
        },
        "versions": {"code": "0.1.0", "schema": SCHEMA},
        "digest": "ab" * 20,
    }
    checkpoint = Checkpoint(
        id=UUID(int=1),
        session_id=UUID(int=2),
        batch_id=3,
        checkpoint_type="image",
        sequence=2,
        processed_count=63,
        current_batch=2,
        current_image_index=63,
        last_result=63,
        previous=bytes.fromhex("cd" * 20),
        created_at=datetime(2026, 11, 24, 13, 0, 0, 123456, tzinfo=UTC),
    )
    seal.seal(checkpoint, state, secret=KEY)
    columns = {name: getattr(checkpoint, name) for name in COLUMNS}
    columns |= {name: bytes(columns[name]).hex() for name in BINARY} | {n: str(columns[n]) for n in UUIDS}
    columns["created_at"] = checkpoint.created_at.isoformat()
    text = json.dumps({"columns": columns, "state": state}, indent=1)
    (GOLDEN / f"schema-{SCHEMA}.json").write_text(text + "\n")
