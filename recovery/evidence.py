"""Evidence: everything that a death left behind and that tells one cause from another, read but not judged."""

import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from processing.burial import Burial
from processing.recorder import Flight
from processing.vitals import Vitals, read_vitals
from processing.worker import ENDING, boot_id

PSTORE = Path("/sys/fs/pstore")
PSTORE_BACKEND = Path("/sys/module/pstore/parameters/backend")
NO_BACKEND = "(null)"
# A kernel that dies writes its record within seconds, but the machine's clock may have been set since.
PANIC_CLOCK_SLACK = timedelta(minutes=5)
DUMP_LINES_MAX = 30
NOTHING_READ = Vitals()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found at one death. None, or an empty text: it could not be read, or was not there.

    `then` is the last beat, at most some seconds before the death; `now` is the moment of the burial. exit_code is as
    in subprocess (negative: a signal), stop_signal what somebody had sent the process to stop it; error_types,
    error_errno and error_code are as in `facts_of`; an error that stands was not overcome, a fatal one ended the
    process. panic: whether the kernel has kept the record of a panic since the last beat.
    """

    pid: int
    host: str
    is_parent: bool = False
    workers_count: int = 0
    is_far: bool = False
    boot_then: str = ""
    boot_now: str = ""
    exit_code: int | None = None
    stop_signal: int | None = None
    has_last_words: bool = False
    phase: str = ""
    last_error: str = ""
    error_types: tuple[str, ...] = ()
    error_errno: int | None = None
    error_code: str = ""
    error_stands: bool = False
    error_is_fatal: bool = False
    dump: str = ""
    then: Vitals = NOTHING_READ
    now: Vitals = NOTHING_READ
    rss_bytes: int | None = None
    panic: bool | None = None

    @property
    def has_another_boot(self) -> bool:
        """Whether the machine was started anew since."""
        return bool(not self.is_far and self.boot_then and self.boot_now and self.boot_then != self.boot_now)

    @property
    def has_another_container(self) -> bool:
        """Whether the container was started anew since, under a kernel that went on."""
        known = self.then.container and self.now.container
        return bool(known and not self.has_another_boot and self.then.container != self.now.container)

    @property
    def own_oom_kills(self) -> int | None:
        """How many processes of its memory group the kernel has killed since the last beat."""
        return None if self.has_another_boot else self.now.own_oom_kills_since(self.then)

    @property
    def host_oom_kills(self) -> int | None:
        """How many processes of the whole machine the kernel has killed for want of memory since the last beat."""
        return self._grown(self.then.host_oom, self.now.host_oom)

    @property
    def filesystem_errors(self) -> int | None:
        """How many errors the machine's disks have counted since the last beat, other boots included."""
        then, now = self.then.filesystem_errors, self.now.filesystem_errors
        return None if then is None or now is None else now - then

    @property
    def was_ending(self) -> bool:
        """Whether it was about to end in order, and only could not write that down."""
        return self.phase == ENDING

    def _grown(self, then: int | None, now: int | None) -> int | None:
        """Give the growth of a counter that begins at 0 with each boot; less than before is another counter."""
        if self.has_another_boot or then is None or now is None or now < then:
            return None
        return now - then

    def as_facts(self) -> dict[str, Any]:
        """Give the raw facts as JSON, the dump cut."""
        facts = asdict(self)
        return facts | {
            "dump": self.dump.splitlines()[:DUMP_LINES_MAX],
            "error_types": list(self.error_types),
        }


def read_panic(since: datetime) -> bool | None:
    """Say whether the kernel kept the record of a panic since then; None where it keeps none, or shows none to us."""
    try:
        if PSTORE_BACKEND.read_text(encoding="ascii").strip() == NO_BACKEND:
            return None
        earliest_s = (since - PANIC_CLOCK_SLACK).timestamp()
        return any(path.stat().st_mtime >= earliest_s for path in PSTORE.iterdir() if "dmesg" in path.name)
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Machine:
    """How the machine is asked; a test hands in one that answers as after another boot."""

    host: Callable[[], str] = socket.gethostname
    boot: Callable[[], str] = boot_id
    vitals: Callable[[str | None], Vitals] = read_vitals
    panic: Callable[[datetime], bool | None] = read_panic


THIS_MACHINE = Machine()


def read_evidence(burial: Burial, machine: Machine = THIS_MACHINE) -> Evidence:
    """Read what is left of a dead process: its row, its last words, and what this machine says now.

    Of a process of another machine only its row can be read.
    """
    worker, own = burial.worker, burial.own
    then = Vitals.from_facts(own.vitals or worker.telemetry.get("vitals"))
    boot_now = machine.boot()
    is_far = worker.host != machine.host() and (not worker.boot_id or worker.boot_id != boot_now)
    error = _error_of(own)
    return Evidence(
        pid=worker.pid,
        host=worker.host,
        is_parent=worker.is_parent,
        workers_count=burial.workers_count,
        is_far=is_far,
        boot_then=worker.boot_id,
        boot_now=boot_now,
        exit_code=burial.exit_code,
        stop_signal=own.stop_signal,
        has_last_words=bool(own.phase),
        phase=own.phase,
        last_error=own.last_error,
        dump=burial.dump,
        then=then,
        now=NOTHING_READ if is_far else machine.vitals(then.own_oom_path),
        rss_bytes=worker.telemetry.get("rss_bytes"),
        panic=None if is_far else machine.panic(worker.heartbeat_at),
        **error,
    )


def _error_of(own: Flight) -> dict[str, Any]:
    """Give the last error's facts; a record can be torn, so nothing is taken for granted."""
    error = own.error
    errno, types = error.get("errno"), error.get("types")
    return {
        "error_types": tuple(str(name) for name in types) if isinstance(types, list) else (),
        "error_errno": errno if isinstance(errno, int) else None,
        "error_code": str(error.get("code") or ""),
        "error_stands": bool(error.get("stands")),
        "error_is_fatal": bool(error.get("fatal")),
    }
