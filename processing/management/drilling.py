"""A drill: real sessions over sample photos in a throwaway database, killed at random, and what came of it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from processing.management.failures import CommandFailed
from recovery.models import CrashType

LOOK_S = 0.05
STEP_S = 300.0
BRIER_MAX = 0.10
MANAGE = settings.BASE_DIR / "manage.py"
COMPLETED, COMPLETED_WITH_UNREADABLE = 0, 3

# What is done to a run, how often, the signal, and the cause that should be found (None: no crash at all).
DEEDS: dict[str, tuple[int, signal.Signals, CrashType | None]] = {
    "worker killed": (4, signal.SIGKILL, CrashType.UNKNOWN),
    "worker crashed": (2, signal.SIGSEGV, CrashType.APPLICATION_CRASH),
    "parent killed": (2, signal.SIGKILL, CrashType.UNKNOWN),
    "everything killed": (3, signal.SIGKILL, CrashType.UNKNOWN),
    "stopped": (1, signal.SIGTERM, None),
}


def brier_score(probabilities: Mapping[str, float], truth: str) -> float:
    """Give the squared distance of probabilities to what was true, over all causes; 0 is best (Brier, 1950)."""
    return sum((probabilities.get(kind, 0.0) - (kind == truth)) ** 2 for kind in CrashType.values)


@dataclass(slots=True)
class Tally:
    """What the drill has done and found."""

    deeds: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    photos: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0
    redone: int = 0
    crashes: int = 0
    told: int = 0
    brier_sum: float = 0.0

    @property
    def brier(self) -> float | None:
        """The mean Brier score of the causes told; None without a crash."""
        return self.brier_sum / self.crashes if self.crashes else None

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or different, and causes were told as sure as they were."""
        return not (self.lost or self.doubled or self.different) and (self.brier or 0.0) <= BRIER_MAX

    def published(self) -> dict[str, Any]:
        """Give the published drill."""
        brier = None if self.brier is None else round(self.brier, 4)
        names = ("sessions", "photos", "lost", "doubled", "different", "redone", "crashes", "told")
        numbers = {name: getattr(self, name) for name in names}
        kills = sum(count for name, count in self.deeds.items() if name != "stopped")
        return {"kills": kills, "deeds": dict(self.deeds)} | numbers | {"brier": brier, "holds": self.holds}


class Range:
    """The place of the drill: a state folder and a database of its own, reached by commands only."""

    def __init__(self, folder: Path, database_url: str) -> None:
        state = {"STOCKPROOF_VAR": str(folder / "var"), "DATABASE_URL": database_url}
        self._environment = {**os.environ, **state, "STOCKPROOF_SOURCE_ROOTS": ""}
        self.photos = folder / "photos"

    def migrate(self) -> None:
        """Make the tables."""
        command = [sys.executable, str(MANAGE), "migrate", "--verbosity", "0"]
        subprocess.run(command, env=self._environment, check=True, timeout=STEP_S)  # noqa: S603 -- our own command

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command that prints JSON lines."""
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and command
            [sys.executable, str(MANAGE), *arguments, "--json", "--no-input"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            start_new_session=True,
        )

    def ask(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command to its end and give what it printed. Raises CommandFailed when it fails."""
        run = self.start(*arguments)
        printed, _ = run.communicate(timeout=STEP_S)
        lines = [json.loads(line) for line in printed.splitlines()]
        if run.returncode not in (COMPLETED, COMPLETED_WITH_UNREADABLE):
            raise CommandFailed(f"`{' '.join(arguments)}` ended with {run.returncode}: {lines[-1:]}")
        return lines

    def results(self) -> dict[int, list[str]]:
        """Read the newest session's results by position."""
        found: dict[int, list[str]] = {}
        for line in self.ask("results", "latest", "--format", "jsonl"):
            found.setdefault(line["position"], []).append(json.dumps(line, sort_keys=True))
        return found


class Drill:
    """Runs session after session, does deeds to them, and keeps the tally."""

    def __init__(self, place: Range, *, seed: int, workers: int) -> None:
        self._place, self._random, self._workers = place, random.Random(seed), str(workers)  # noqa: S311 -- a drill
        self._seen: set[str] = set()
        self._expected: dict[int, list[str]] = {}
        self.tally = Tally()

    def rehearse(self) -> None:
        """Run once without a deed: what must come out each time."""
        self._place.ask("process", str(self._place.photos), "--new", "--workers", self._workers)
        self._expected = self._place.results()

    def run_session(self) -> None:
        """Run one session to its end through deeds, and compare."""
        run = self._place.start("process", str(self._place.photos), "--new", "--workers", self._workers)
        crashed_count, printed = 0, ""
        while True:
            deed = self._strike(run, may_crash=crashed_count == 0)
            crashed_count += deed == "worker crashed"
            printed = "" if deed.startswith("worker") else run.communicate(timeout=STEP_S)[0]
            self._judge(deed)
            if not deed:
                break
            if run.poll() is not None:
                run = self._go_on(deed)
        self.tally.redone += json.loads(printed.splitlines()[-1])["analysed_twice"]
        self._compare()

    def _go_on(self, deed: str) -> "subprocess.Popen[str]":
        command = ["resume", "latest"] if deed == "stopped" else ["recover", "latest", "--yes"]
        return self._place.start(*command, "--wait", "--workers", self._workers)

    def _strike(self, run: "subprocess.Popen[str]", *, may_crash: bool) -> str:
        """Wait for a moment in which photos are in flight, then do one deed; empty when the run has ended."""
        moment_s = time.monotonic() + self._random.uniform(1.0, 4.0)
        while run.poll() is None:
            (session, *_) = self._place.ask("session", "latest")
            pids = [worker["pid"] for worker in session["workers"] if worker["photo"]]
            if pids and time.monotonic() >= moment_s:
                return self._do(run, pids, may_crash=may_crash)
            time.sleep(LOOK_S)
        return ""

    def _do(self, run: "subprocess.Popen[str]", pids: list[int], *, may_crash: bool) -> str:
        # A second crash of the same photo would be the photo's, and it is quarantined then.
        names = [name for name in DEEDS if may_crash or name != "worker crashed"]
        deed = self._random.choices(names, [DEEDS[name][0] for name in names])[0]
        victims = {
            "worker killed": [self._random.choice(pids)],
            "worker crashed": [self._random.choice(pids)],
        }
        targets = victims.get(deed, [run.pid, *pids] if deed == "everything killed" else [run.pid])
        for pid in targets:
            try:
                os.kill(pid, DEEDS[deed][1])
            except ProcessLookupError:
                continue
        self.tally.deeds[deed] += 1
        return deed

    def _judge(self, deed: str) -> None:
        """Compare the causes of the crashes that are new with what was done."""
        truth = DEEDS[deed][2] if deed else None
        for crash in self._place.ask("detect_crashes"):
            if crash["crash"] in self._seen:
                continue
            self._seen.add(crash["crash"])
            self.tally.crashes += 1
            self.tally.told += crash["crash_type"] == truth
            self.tally.brier_sum += brier_score(crash["probabilities"], str(truth))

    def _compare(self) -> None:
        found = self._place.results()
        self.tally.sessions += 1
        self.tally.photos += len(self._expected)
        self.tally.lost += len(self._expected.keys() - found.keys())
        self.tally.doubled += sum(len(lines) - 1 for lines in found.values())
        self.tally.different += sum(
            self._expected.get(position) != lines for position, lines in found.items()
        )
