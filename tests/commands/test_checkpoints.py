"""The list of checkpoints."""

import pytest

from recovery.models import CheckpointType
from tests.commands.running import run
from tests.factories import make_checkpoint, make_session

pytestmark = pytest.mark.django_db

KEYS = [
    "type",
    "checkpoint",
    "session",
    "checkpoint_type",
    "processed_count",
    "current_batch",
    "current_image_index",
    "bytes",
    "intact",
    "pinned",
    "created_at",
]


def test_checkpoints_prints_the_whole_object_when_asked_for_json() -> None:
    session = make_session()
    checkpoint = make_checkpoint(
        session=session,
        checkpoint_type=CheckpointType.MILESTONE,
        processed_count=40,
        current_batch=4,
        current_image_index=39,
        pinned=True,
    )
    make_checkpoint(session=make_session())

    (printed,) = run("checkpoints", str(session.pk), "--json").objects

    assert list(printed) == KEYS
    assert printed == {
        "type": "checkpoint",
        "checkpoint": str(checkpoint.pk),
        "session": str(session.pk),
        "checkpoint_type": "milestone",
        "processed_count": 40,
        "current_batch": 4,
        "current_image_index": 39,
        "bytes": len(checkpoint.session_state),
        "intact": True,
        "pinned": True,
        "created_at": checkpoint.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("damaged", [b"", b"not a state", bytes(60)])
def test_checkpoint_is_not_intact_when_its_state_is_damaged(damaged: bytes) -> None:
    make_checkpoint(session=make_session(), session_state=damaged)

    (printed,) = run("checkpoints", "latest", "--json").objects

    assert printed["intact"] is False


def test_checkpoints_come_newest_first_and_no_more_than_the_limit_when_there_are_more() -> None:
    session = make_session()
    for day in (2, 3, 1):
        make_checkpoint(session=session, processed_count=day, created_at=f"2026-01-0{day}T00:00:00Z")

    printed = run("checkpoints", "latest", "--limit", "2", "--json").objects

    assert [one["processed_count"] for one in printed] == [3, 2]


def test_checkpoints_prints_a_table_when_nobody_asked_for_json() -> None:
    checkpoint = make_checkpoint(session=make_session(), created_at="2026-01-01T00:00:00Z")

    lines = run("checkpoints", "latest").out.splitlines()

    size = str(len(checkpoint.session_state))
    assert [line.split() for line in lines] == [
        ["CHECKPOINT", "TYPE", "PROCESSED", "BATCH", "POSITION", "BYTES", "INTACT", "PINNED", "CREATED"],
        [str(checkpoint.pk), "image", "0", "-", "-", size, "yes", "no", "2026-01-01T00:00:00Z"],
    ]


def test_checkpoints_says_on_stderr_that_there_is_none_when_the_list_is_empty() -> None:
    make_session()

    printed = run("checkpoints", "latest")

    assert (printed.out, printed.err) == ("", "There is no checkpoint yet.\n")
