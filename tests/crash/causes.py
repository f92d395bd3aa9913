"""Causes of death, provoked for real on small processes, each with what it must be taken for."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection

from processing import burial
from processing.models import ProcessingSession, Worker
from processing.vitals import read_count
from processing.worker import Presence
from recovery import checkpoints, detection
from recovery.detection import record_crash
from recovery.evidence import THIS_MACHINE
from recovery.models import Crash, CrashType
from tests import postgresql
from tests.crash.places import memory_group, own_disk, small_disk
from tests.crash.studio import ROOT, until
from tests.factories import make_batch, make_session

GROUP_BYTES = 160 * 1024 * 1024
FULL_BYTES = 32 * 1024 * 1024
DEADLINE_S = 60.0
SMALL_DISK_MB = 2
AFTER_REBOOT = replace(THIS_MACHINE, boot=lambda: "00000000-0000-0000-0000-000000000000")
FILL = "held = []\nwhile True: held.append(bytearray(b'x' * 2**24))"


class Hospital:
    """Where casualties are brought: a state folder, a database, and a parent that sees how they end."""

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        """Register this process as the parent."""
        self.folder = folder
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "STOCKPROOF_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        } | environment
        self.presence = Presence()
        self.parent = self.presence.register()
        self.processes: list[subprocess.Popen[str]] = []

    def admit(self, cause: str, *needs: str, group: Path | None = None, serves: str = "") -> "Casualty":
        """Start a process that will die of a cause; a worker, or a parent when it serves a session."""
        joined = {} if group is None else {"CASUALTY_MEMORY_GROUP": str(group)}
        parent = "0" if serves else str(self.parent.pk)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.casualty", cause, parent, serves, *needs],
            cwd=ROOT,
            env=self._environment | joined,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.processes.append(process)
        token = process.stdout.readline().strip()
        return Casualty(process, Worker.objects.get(token=token))

    def close(self) -> None:
        """Let nobody live on."""
        for process in self.processes:
            process.kill()
            process.communicate(timeout=DEADLINE_S)
        self.presence.end()


@dataclass
class Casualty:
    """A process that lives, and is about to die."""

    process: subprocess.Popen[str]
    row: Worker

    def die(self) -> int:
        """Let it die of its cause; give its exit code as its parent sees it."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.wait(DEADLINE_S)

    def get(self, *signals: int) -> int:
        """Let it wait, and send it signals until it is dead."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for signum in signals:
            self.process.send_signal(signum)
        return self.process.wait(DEADLINE_S)


def buried(casualty: Casualty, exit_code: int | None) -> Crash:
    """Bury a worker as its cluster does; without an exit code as everybody else does."""
    assert detection.bury(casualty.row, exit_code) is True
    return Crash.objects.get(worker=casualty.row)


def seen(cause: str, *needs: str) -> Callable[[Hospital], Crash]:
    """Provoke a cause whose end the parent sees."""

    def provoke(hospital: Hospital) -> Crash:
        casualty = hospital.admit(cause, *needs)
        return buried(casualty, casualty.die())

    return provoke


def unseen(cause: str, *needs: str) -> Callable[[Hospital], Crash]:
    """Provoke a cause whose end nobody sees."""

    def provoke(hospital: Hospital) -> Crash:
        casualty = hospital.admit(cause, *needs)
        casualty.die()
        return buried(casualty, None)

    return provoke


def killed_when_frozen(hospital: Hospital) -> Crash:
    """Kill a process that stands still."""
    casualty = hospital.admit("wait")
    return buried(casualty, casualty.get(signal.SIGSTOP, signal.SIGKILL))


def terminated(hospital: Hospital) -> Crash:
    """Ask a process to end that does not know how to."""
    casualty = hospital.admit("wait")
    return buried(casualty, casualty.get(signal.SIGTERM))


def stopped_then_killed(hospital: Hospital) -> Crash:
    """Ask a process to stop, and lose patience."""
    casualty = hospital.admit("wait", "heed")
    casualty.process.send_signal(signal.SIGTERM)
    until(lambda: words_of(casualty).stop_signal)
    return buried(casualty, casualty.get(signal.SIGKILL))


def words_of(casualty: Casualty) -> burial.Flight:
    """Read a process's recorder."""
    return burial.recorder.read_flight(casualty.row.token)


def bus_error(hospital: Hospital) -> Crash:
    """Let a mapped file become shorter."""
    return seen("bus", str(hospital.folder / "mapped"))(hospital)


def disk_full(hospital: Hospital) -> Crash:
    """Write more than a disk holds."""
    with small_disk(hospital.folder / "disk") as path:
        return seen("disk_full", path)(hospital)


def database_full(hospital: Hospital) -> Crash:
    """Write more into a database than its disk holds."""
    if connection.vendor == "postgresql":
        with table_on_small_disk():
            return seen("postgresql_full")(hospital)
    with own_disk(hospital.folder / "small", SMALL_DISK_MB) as disk:
        return seen("sqlite_full", str(disk / "full.sqlite3"))(hospital)


@contextmanager
def table_on_small_disk() -> Iterator[None]:
    """Have a table "filler" whose disk is small, in a folder that PostgreSQL may enter."""
    owner = postgresql._unprivileged_owner()
    with (
        TemporaryDirectory(prefix="stockproof-small-") as folder,
        own_disk(Path(folder, "disk"), SMALL_DISK_MB) as disk,
    ):
        for path in (folder, disk):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            cursor.execute("CREATE TABLE filler (text text) TABLESPACE small")
            try:
                yield
            finally:
                cursor.execute("DROP TABLE filler")
                cursor.execute("DROP TABLESPACE small")


def memory_kill(hospital: Hospital, *, is_seen: bool = True) -> Crash:
    """Let the kernel kill a process that takes more than its memory group may have."""
    with memory_group(GROUP_BYTES) as group:
        casualty = hospital.admit("memory", group=group)
        exit_code = casualty.die()
        assert exit_code == -signal.SIGKILL
        return buried(casualty, exit_code if is_seen else None)


def killed_beside_a_memory_kill(hospital: Hospital) -> Crash:
    """Kill a process by hand in the second in which the kernel kills another one for want of memory."""
    casualty = hospital.admit("wait")
    before = read_count("/proc/vmstat", "oom_kill")
    with memory_group(FULL_BYTES) as group:
        join = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\n"
        other = subprocess.run([sys.executable, "-c", join + FILL], check=False, timeout=DEADLINE_S)
    exit_code = casualty.get(signal.SIGKILL)
    assert other.returncode == -signal.SIGKILL
    assert read_count("/proc/vmstat", "oom_kill") == before + 1
    return buried(casualty, exit_code)


def everything_killed_and_booted(hospital: Hospital) -> Crash:
    """Kill a parent and what it keeps; the machine then says that it was started anew."""
    session = make_session()
    make_batch(session=session)
    casualty = hospital.admit("wait", serves=str(session.pk))
    ProcessingSession.objects.filter(pk=session.pk).update(started_at=session.created_at)
    casualty.get(signal.SIGKILL)
    on_crash = partial(record_crash, machine=AFTER_REBOOT)
    assert burial.bury(casualty.row, on_crash=on_crash, seal=checkpoints.take) is True
    return Crash.objects.get(worker=casualty.row)


CAUSES: dict[str, tuple[CrashType, Callable[[Hospital], Crash]]] = {
    "SIGKILL": (CrashType.UNKNOWN, seen("kill")),
    "SIGKILL that nobody saw": (CrashType.UNKNOWN, unseen("kill")),
    "SIGKILL of a frozen process": (CrashType.UNKNOWN, killed_when_frozen),
    "SIGKILL beside another's OOM kill": (CrashType.UNKNOWN, killed_beside_a_memory_kill),
    "SIGSEGV": (CrashType.APPLICATION_CRASH, seen("segfault")),
    "SIGSEGV that nobody saw": (CrashType.APPLICATION_CRASH, unseen("segfault")),
    "SIGABRT": (CrashType.APPLICATION_CRASH, seen("abort")),
    "SIGBUS": (CrashType.APPLICATION_CRASH, bus_error),
    "unhandled error": (CrashType.APPLICATION_CRASH, seen("error")),
    "unhandled error that nobody saw": (CrashType.APPLICATION_CRASH, unseen("error")),
    "os._exit(3)": (CrashType.APPLICATION_CRASH, seen("exit")),
    "MemoryError": (CrashType.OUT_OF_MEMORY, seen("address_space")),
    "OOM kill": (CrashType.OUT_OF_MEMORY, memory_kill),
    "OOM kill that nobody saw": (CrashType.OUT_OF_MEMORY, partial(memory_kill, is_seen=False)),
    "connection refused": (CrashType.NETWORK_FAILURE, seen("refused")),
    "PostgreSQL refused": (CrashType.NETWORK_FAILURE, seen("refused_by_postgresql")),
    "connection cut": (CrashType.NETWORK_FAILURE, seen("cut")),
    "disk full": (CrashType.STORAGE_FAILURE, disk_full),
    "disk of the database full": (CrashType.STORAGE_FAILURE, database_full),
    "disk broken": (CrashType.STORAGE_FAILURE, seen("disk_broken")),
    "SIGTERM": (CrashType.STOPPED, terminated),
    "SIGTERM, then SIGKILL": (CrashType.STOPPED, stopped_then_killed),
    "everything killed, another boot": (CrashType.POWER_FAILURE, everything_killed_and_booted),
}


@contextmanager
def opened(folder: Path, database_url: str, **environment: str) -> Iterator[Hospital]:
    """Open a hospital; at its end nobody lives in it."""
    with ExitStack() as stack:
        hospital = Hospital(folder, database_url, **environment)
        stack.callback(hospital.close)
        yield hospital


def brier_of(crash: Crash, expected: CrashType) -> float:
    """Give the Brier score of one judgment: the squared distance to the truth over all causes, from 0 to 2."""
    return sum(
        (share - (1.0 if kind == expected else 0.0)) ** 2 for kind, share in crash.probabilities.items()
    )
