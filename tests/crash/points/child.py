"""Being a forked child: one task on one place, with a death at a write if the task says so."""

import importlib
import json
import os
import traceback
from pathlib import Path
from typing import Any

import torch
from django.conf import settings
from django.db import connections

from processing.analysis.pipeline import Pipeline
from tests.crash.points import blackout
from tests.crash.points.acts import ACTS
from tests.crash.points.writes import Point, Writes
from tests.crash.victim import Deed, patch
from tests.databases import point_django_at
from tests.photos import draw_photo, encode_photo

FAILED_EXIT = 1
WIDTH_PX, HEIGHT_PX = 320, 240
BACKENDS = ("sqlite3", "postgresql")
KNOWN = ACTS | blackout.ACTS


def warm_up() -> None:
    """Load what every child would load, and measure a first photo, which takes a second; no thread is started."""
    torch.set_num_threads(1)
    pipeline = Pipeline("cpu")
    photo = encode_photo(draw_photo(width=WIDTH_PX, height=HEIGHT_PX))
    pipeline.measure([pipeline.prepare(photo)])
    for name in BACKENDS:
        importlib.import_module(f"django.db.backends.{name}.base")


def act(task: dict[str, Any], writing: int) -> int:
    """Point Django at the task's database and state folder, act, and say what came of it; give an exit code."""
    settings.STOCKPROOF_VAR = Path(task["var"])
    point_django_at(task["url"])
    os.environ["VICTIM_LEDGER"] = task["var"]
    for deed in task["deeds"]:
        patch(Deed(**deed))
    writes = Writes(Point(**task["point"]) if task["point"] else None)
    if task["counts"]:
        writes.watch()
    try:
        answer = KNOWN[task["act"]](**task["arguments"])
        connections.close_all()
    except BaseException:  # noqa: BLE001 -- the other process is told
        said, exit_code = {"error": traceback.format_exc()}, FAILED_EXIT
    else:
        said, exit_code = {"answer": answer, "writes": writes.names}, 0
    os.write(writing, json.dumps(said).encode())
    return exit_code
