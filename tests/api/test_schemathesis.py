"""What the description says of every operation holds, for whatever is sent: schemathesis against the live server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from processing import tokens
from processing.models import ProcessingSession, Scope
from processing.models.preset import DEFAULT_PRESET
from processing.throttle import BUCKETS
from recovery.models import Checkpoint
from tests.people import make_user
from tests.recovery.sound import completed_session
from tests.recovery.sources import lay_out
from tests.recovery.views.scenes import give_role, interrupt, lying_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
STATES: dict[str, Callable[[ProcessingSession], object]] = {
    "interrupted": interrupt,
    "paused": ProcessingSession.pause,
    "failed": lambda session: session.fail("no disk"),
    "running": lambda _session: None,
    "cancelled": ProcessingSession.cancel,
}
TO_CANCEL = 3
TIMEOUT_S = 1500
HERE = Path(__file__).resolve().parent
CONFIG = str(HERE / "schemathesis.toml")


def prepared(owner: User, folder: Path) -> dict[str, Any]:
    """Make sessions in every state, and one that is somebody else's; give what is there."""
    sessions = []
    for name, step in STATES.items():
        sessions.append(lying_session(folder / name, owner=owner, name=name))
        step(sessions[-1])
    completed = completed_session(owner=owner, name="completed")
    lay_out(completed, folder / "completed")
    others = lying_session(folder / "others", owner=make_user("ben"), name="others")
    to_cancel = [lying_session(folder / f"{n}", owner=owner) for n in range(TO_CANCEL)]
    return {
        "sessions": [str(one.pk) for one in (*sessions, completed, others)],
        "to_cancel": [str(one.pk) for one in to_cancel],
        "checkpoints": [str(pk) for pk in Checkpoint.objects.order_by("pk").values_list("pk", flat=True)],
        "source": str(folder / "running"),
        "preset": DEFAULT_PRESET,
    }


@pytest.mark.parametrize("examples", [4, pytest.param(100, marks=pytest.mark.long)])
def test_every_operation_keeps_what_its_description_says(
    live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.setattr(BUCKETS, "burst", 10**9)
    monkeypatch.setattr(BUCKETS, "rate_per_s", 10.0**9)
    owner = make_user("ines")
    give_role(owner, "Administrator", "operate_session", "audit_sessions", "add_preset", "change_preset")
    known = prepared(owner, tmp_path)
    _token, text = tokens.make(owner, list(Scope))

    ended = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                CONFIG,
                "run",
                f"{live_server.url}/api/v1/openapi.json",
            ),
            *("--header", f"Authorization: Bearer {text}", "--checks", "all", "--no-shrink", "--no-color"),
            *("--max-examples", str(examples), "--continue-on-failure", "--request-timeout", "30"),
        ],
        env=os.environ
        | {
            "PYTHONPATH": str(HERE.parents[1]),
            "SCHEMATHESIS_HOOKS": "tests.api.hooks",
            "STOCKPROOF_KNOWN": json.dumps(known),
        },
        # What it remembers of failures lies there.
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
