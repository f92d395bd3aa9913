"""The mission's names, as the README lists them, lead to something."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings

NAMES = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|$", Path(settings.BASE_DIR, "README.md").read_text(), re.M)


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_name_of_the_mission_is_found(name: str, path: str) -> None:
    steps = path.split(".")
    found: object = import_module(".".join(steps[:2]))

    for step in steps[2:]:
        found = getattr(found, step)

    assert callable(found)


def test_every_name_of_the_mission_is_listed() -> None:
    assert {name for name, _path in NAMES} >= {
        "CheckpointManager",
        "create_session_checkpoint",
        "CheckpointType",
        "detect_crashes_on_startup",
        "prepare_recovery_options",
        "execute_recovery",
        "EnhancedBatchProcessor",
    }
