"""Runs `manage.py process` as a person would, in a throwaway state folder, and looks at it from outside."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GOOD_EXITS = (0, 3)
STATE_SETTINGS = ("DATABASE_URL", "STOCKPROOF_SOURCE_ROOTS", "CHECKPOINT_INTERVAL", "BATCH_SIZE")

Look = Callable[[int, dict[str, Any]], None]


@dataclass(slots=True)
class ProductRun:
    """What one run of the product left behind: photos, seconds, commits in order, log lines of batches."""

    photos_count: int
    elapsed_s: float
    commits: list[tuple[float, int]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)

    @property
    def steady_rate_per_s(self) -> float:
        """Photos per second between the first commit and the last one; the first one's photos came before."""
        span_s = self.commits[-1][0] - self.commits[0][0]
        return sum(count for _, count in self.commits[1:]) / span_s

    @property
    def rate_per_s(self) -> float:
        """Photos per second of wall time, start-up and compare stage included."""
        return self.photos_count / self.elapsed_s


def run_process(source: Path, *, workers: int, look: Look = lambda _pid, _status: None) -> ProductRun:
    """Process a folder all the way; `look` is called with the parent's pid at each status line.

    Raises RuntimeError with what the program wrote when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place:
        environment = _environment(Path(place) / "var")
        command = [sys.executable, "manage.py", "process", str(source), "--workers", str(workers), "--json"]
        begun = time.monotonic()
        with (
            (Path(place) / "log").open("w+") as log,
            subprocess.Popen(
                command, cwd=HOUSE, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            last: dict[str, Any] = {}
            for line in process.stdout or ():
                last = json.loads(line)
                look(process.pid, last)
            process.wait()
            elapsed_s = time.monotonic() - begun
            log.seek(0)
            text = log.read()
        if process.returncode not in GOOD_EXITS:
            raise RuntimeError(f"process ended with {process.returncode}: {text[-2000:]}")
        return ProductRun(last["processed"], elapsed_s, _commits(Path(place) / "var"), _batches(text))


def _environment(var: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in STATE_SETTINGS}
    return kept | {"STOCKPROOF_VAR": str(var), "LOG_LEVEL": "info"}


def _commits(var: Path) -> list[tuple[float, int]]:
    """Read when each commit was, in seconds since the epoch by the database's clock, and of how many photos."""
    with sqlite3.connect(var / "stockproof.sqlite3") as connection:
        rows = connection.execute(
            "SELECT created_at, count(*) FROM processing_imageresult GROUP BY created_at, batch_id ORDER BY 1"
        ).fetchall()
    connection.close()
    return [(datetime.fromisoformat(instant).timestamp(), count) for instant, count in rows]


def _batches(log: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == "batch worked off"]


def workers_of(parent_pid: int) -> list[int]:
    """List the workers' pids: the children of the parent's cluster process. Empty where there is no /proc."""
    return [worker for cluster in children_of(parent_pid) for worker in children_of(cluster)]


def children_of(pid: int) -> list[int]:
    """List a process's children; none where the system does not say or the process has ended."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def rss_bytes(pid: int) -> int:
    """Give a process's resident memory now; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0


def cpu_s(pid: int) -> float:
    """Give the CPU seconds that a process and all below it have used so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S + sum(cpu_s(child) for child in children_of(pid))
