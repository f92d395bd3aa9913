"""One installation of Stockproof as a test has it: state folder, database, photos, and every process started there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from processing.models import ProcessingSession, Worker
from tests.crash.victim import Deed, written

ROOT = Path(__file__).resolve().parents[2]
# Generous: it is for a machine that is busy with much else. Who passes does not wait for it.
DEADLINE_S = 240.0
TICK_S = 0.01
TOLD_LETTERS = 3000
SMALL_STEPS = ("--batch-size", "10", "--checkpoint-interval", "3")


def until(fact: Callable[[], Any], timeout_s: float = DEADLINE_S) -> Any:
    """Wait until a fact holds and give it. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = fact()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {timeout_s} s: {fact}")
        time.sleep(TICK_S)


class Run:
    """One command that runs, with what it has printed so far."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        """Start it in a process group of its own, as a shell or systemd would."""
        folder.mkdir(parents=True)
        self.out_path, self.err_path = folder / "stdout", folder / "stderr"
        with self.out_path.open("wb") as out, self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                arguments, cwd=ROOT, env=environment, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process of the command itself: the parent of the others."""
        return self.process.pid

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Give the JSON lines of one type that it printed."""
        lines = [json.loads(line) for line in self.out_path.read_text().splitlines()]
        return [line for line in lines if line["type"] == kind]

    def logged(self) -> list[str]:
        """Give the messages of its log lines."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines]

    def send(self, signum: int) -> None:
        """Send the command itself a signal."""
        self.process.send_signal(signum)

    def end(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait for its end and give its exit code."""
        return self.process.wait(timeout_s)

    def log(self) -> str:
        """Give what it wrote to stderr, for a failing test's message."""
        return self.err_path.read_text(errors="replace")

    def told(self) -> str:
        """Give its exit code and the end of what it wrote: with `--json`, errors are on stdout."""
        out = self.out_path.read_text(errors="replace")
        return (
            f"exit {self.process.poll()}\nstdout: {out[-TOLD_LETTERS:]}\nstderr: {self.log()[-TOLD_LETTERS:]}"
        )


class Studio:
    """The installation of one test."""

    def __init__(self, folder: Path, database_url: str, photos: Path) -> None:
        """Nothing runs yet."""
        self.folder, self.photos = folder, photos
        self.var = folder / "var"
        self.ledger = folder / "ledger"
        self.runs: list[Run] = []
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        self._environment = kept | {
            "DATABASE_URL": database_url,
            "STOCKPROOF_VAR": str(self.var),
            "STOCKPROOF_DEVICE": "cpu",
            # The test itself reads what the others have signed, and made the head of the audit log.
            "STOCKPROOF_CHECKPOINT_KEYS": ",".join(settings.STOCKPROOF_CHECKPOINT_KEYS),
            "OMP_NUM_THREADS": "1",
            "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        }

    def start(self, *arguments: str, plan: list[Deed] | None = None, **environment: str) -> Run:
        """Start `manage.py` with these arguments, as a victim if there is a plan."""
        victim = written(plan, self.ledger) if plan else {}
        run = Run(
            [sys.executable, "manage.py", *arguments],
            self._environment | victim | environment,
            self.folder / "runs" / str(len(self.runs)),
        )
        self.runs.append(run)
        return run

    def process(self, *arguments: str, plan: list[Deed] | None = None, **environment: str) -> Run:
        """Start `process` over the test's photos with two workers."""
        command = ("process", str(self.photos), "--workers", "2", "--json", *SMALL_STEPS)
        return self.start(*command, *arguments, plan=plan, **environment)

    def finish(self, *arguments: str, exit_code: int = 0, **environment: str) -> Run:
        """Run a command to its end."""
        run = self.start(*arguments, **environment)
        assert run.end() == exit_code, run.told()
        return run

    def recover(self, *arguments: str) -> Run:
        """Recover the newest session and wait for its end."""
        return self.finish("recover", "latest", "--yes", "--wait", "--workers", "2", "--json", *arguments)

    def session(self) -> ProcessingSession:
        """Give the newest session, once there is one."""
        return until(lambda: ProcessingSession.objects.newest_first().first())

    def processes(self) -> dict[int, str]:
        """Give the pids and command lines of all living processes with this state folder."""
        needle = f"STOCKPROOF_VAR={self.var}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal() or int(folder.name) == os.getpid():
                continue
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if needle in variables and line:
                found[int(folder.name)] = line
        return found

    def clusters(self) -> list[int]:
        """Give the pids of the cluster processes: those of that name whose parent is no cluster."""
        named = {pid for pid, line in self.processes().items() if "processing.cluster" in line}
        return sorted(pid for pid in named if parent_of(pid) not in named)

    def webs(self) -> list[int]:
        """Give the pids of the processes that serve the pages."""
        return sorted(pid for pid, line in self.processes().items() if "config.web" in line)

    def laborers(self) -> list[Worker]:
        """Give the rows of living workers."""
        return list(Worker.objects.living().laborers().order_by("pk"))

    def laborers_of(self, run: Run) -> list[Worker]:
        """Give the rows of a command's living workers."""
        return list(Worker.objects.living().filter(parent__pid=run.pid).order_by("pk"))

    def kill_everything(self) -> None:
        """SIGKILL every process, as a power cut would; then reap the commands."""
        self.signal_everything(signal.SIGKILL)
        for run in self.runs:
            run.end()
        until(lambda: not self.processes())

    def signal_everything(self, signum: int) -> list[int]:
        """Send one signal to every process; give their pids."""
        pids = list(self.processes())
        for pid in pids:
            kill(pid, signum)
        return pids


def kill(pid: int, signum: int = signal.SIGKILL) -> bool:
    """Send a signal; False when the process has ended meanwhile."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def parent_of(pid: int) -> int:
    """Give a process's parent; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
