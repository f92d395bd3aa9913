"""The test's side of the forker: tasks go out, and what became of the children comes back."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.crash.points.places import Place
from tests.crash.points.writes import Point
from tests.crash.studio import ROOT
from tests.crash.victim import Deed

KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH")


@dataclass(frozen=True)
class Ended:
    """How a child ended: as in subprocess, with its answer, or the error that ended it, and what it wrote."""

    exit_code: int
    answer: Any = None
    error: str = ""
    writes: list[str] = field(default_factory=list)


class Forks:
    """Children that act on places, one after the other."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Talk to this forker."""
        self._process = process

    def run(
        self,
        place: Place,
        act: str,
        *,
        point: Point | None = None,
        deeds: tuple[Deed, ...] = (),
        counts: bool = False,
        **arguments: Any,
    ) -> Ended:
        """Let a child act, to its end or to its death."""
        task = {
            "url": place.url,
            "var": str(place.var),
            "act": act,
            "arguments": arguments,
            "point": None if point is None else asdict(point),
            "deeds": [asdict(deed) for deed in deeds],
            "counts": counts or point is not None,
        }
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "The forker has ended."
        ended = json.loads(line)
        return Ended(ended["exit_code"], **ended["said"])

    def do(self, place: Place, act: str, **arguments: Any) -> Any:
        """Let a child act to its end, and give its answer."""
        ended = self.run(place, act, **arguments)
        assert ended.exit_code == 0, ended.error
        return ended.answer


@contextmanager
def forking(folder: Path) -> Iterator[Forks]:
    """Keep a forker; it ends when there are no more tasks."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "STOCKPROOF_VAR": str(folder / "var"),
        "STOCKPROOF_DEVICE": "cpu",
        # The head of the audit log was signed when this process made the database.
        "STOCKPROOF_CHECKPOINT_KEYS": ",".join(settings.STOCKPROOF_CHECKPOINT_KEYS),
        "CHECKPOINT_KEEP_COUNT": "2",
        "OMP_NUM_THREADS": "1",
        "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        "LOG_LEVEL": "ERROR",
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.points.forker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield Forks(process)
        process.stdin.close()
        assert process.wait() == 0
