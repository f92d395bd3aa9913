"""What the machine says of itself, read again at every beat: a death is judged by what has changed since."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

FILESYSTEMS = Path("/sys/fs")
CGROUP = FILESYSTEMS / "cgroup"
OOM_KILL = "oom_kill"
TEXTS = {"container", "own_oom_path"}


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counters and memory at one moment; None: the machine does not say.

    container: start of process 1 in clock ticks and the process namespace, which a container that is started anew
    does not share with the one before; own_oom: kernel kills for want of memory in this process's memory group,
    own_oom_path: where they are counted; host_oom: those of the whole machine; filesystem_errors: of all ext4 disks.
    """

    container: str | None = None
    own_oom: int | None = None
    own_oom_path: str | None = None
    host_oom: int | None = None
    available_bytes: int | None = None
    filesystem_errors: int | None = None

    def as_facts(self) -> dict[str, Any]:
        """Give it as JSON."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: object) -> Self:
        """Read what `as_facts` gave; what is missing or of another type is not known."""
        if not isinstance(facts, dict):
            return cls()
        known: dict[str, Any] = {}
        for one in fields(cls):
            value = facts.get(one.name)
            known[one.name] = value if isinstance(value, str if one.name in TEXTS else int) else None
        return cls(**known)

    def own_oom_kills_since(self, then: "Vitals") -> int | None:
        """Count the kills of this memory group since an earlier moment of this boot; None where that is not known.

        A counter that is less than before is another one.
        """
        is_another = bool(then.container and self.container and then.container != self.container)
        if is_another or then.own_oom is None or self.own_oom is None or self.own_oom < then.own_oom:
            return None
        return self.own_oom - then.own_oom


def read_vitals(own_oom_path: str | None = None) -> Vitals:
    """Read them now, of the memory group that is counted at `own_oom_path`; None: of this process's own.

    The path may come from a row of the database, so it is read only where the kernel keeps such files: any other
    could be a pipe that hangs the reader. test: test_vitals_are_read_where_the_kernel_keeps_them_only.
    """
    path = own_oom_path or find_own_oom_path()
    if path is not None and not _is_below(Path(path), CGROUP):
        path = None
    return Vitals(
        container=_container(),
        own_oom=None if path is None else read_count(path, OOM_KILL),
        own_oom_path=path,
        host_oom=read_count("/proc/vmstat", OOM_KILL),
        available_bytes=_available_bytes(),
        filesystem_errors=count_filesystem_errors(),
    )


def read_count(path: str | Path, name: str) -> int | None:
    """Read a count from a file of lines like `oom_kill 3`; None when it cannot be read."""
    for line in _lines(Path(path)):
        words = line.split()
        if words[:1] == [name] and len(words) > 1 and words[1].isdecimal():
            return int(words[1])
    return None


def find_own_oom_path(groups: Path = Path("/proc/self/cgroup"), root: Path = CGROUP) -> str | None:
    """Find the file where this process's memory group counts its kills, with control groups of version 1 or 2."""
    for line in _lines(groups):
        _order, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        for candidate in _oom_candidates(root, controllers, path.lstrip("/")):
            if read_count(candidate, OOM_KILL) is not None:
                return str(candidate)
    return None


def _oom_candidates(root: Path, controllers: str, path: str) -> Iterable[Path]:
    """List where the counter may be; inside a container the group's own path is often not to be seen."""
    if controllers:
        mounts, names = [root / "memory"], ["memory.oom_control"]
    else:
        # The local count, since the other one counts groups below too.
        mounts, names = [root, root / "unified"], ["memory.events.local", "memory.events"]
    return (mount / below / name for mount in mounts for below in (path, "") for name in names)


def _is_below(path: Path, folder: Path) -> bool:
    return ".." not in path.parts and path.is_relative_to(folder)


def _container() -> str | None:
    try:
        start_ticks = Path("/proc/1/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
        return f"{start_ticks} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, IndexError):
        return None


def _available_bytes() -> int | None:
    kilobytes = read_count("/proc/meminfo", "MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def count_filesystem_errors(filesystems: Path = FILESYSTEMS) -> int | None:
    """Sum the errors that ext4 has counted; None where no disk counts any."""
    counts = [_number(path) for path in sorted((filesystems / "ext4").glob("*/errors_count"))]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
