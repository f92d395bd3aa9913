"""Places where a process meets its limits: memory groups and small disks, where this machine lets us have them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from processing.vitals import CGROUP
from tests.crash.studio import until

OWN_GROUPS = Path("/proc/self/cgroup")
GONE_S = 10.0
BLOCK_BYTES = 4096


class NotToBeHad(Exception):
    """This machine, or this user, cannot have such a place."""


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """Make a memory group with a limit, of version 1 or 2; processes join by its `cgroup.procs`.

    Raises NotToBeHad.
    """
    group = _parent_group() / f"stockproof-{uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        raise NotToBeHad(f"No memory group can be made: {error}") from error
    try:
        _limit(group, limit_bytes)
        yield group
    finally:
        until(lambda: _is_removed(group), GONE_S)


def _parent_group() -> Path:
    for line in OWN_GROUPS.read_text().splitlines():
        _order, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(",") and (CGROUP / "memory").is_dir():
            return CGROUP / "memory" / path.lstrip("/")
    return CGROUP


def _limit(group: Path, limit_bytes: int) -> None:
    for names in (
        ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        ("memory.max", "memory.swap.max"),
    ):
        if (group / names[0]).exists():
            for name, limit in zip(
                names, (limit_bytes, limit_bytes if "memsw" in names[1] else 0), strict=True
            ):
                if (group / name).exists():
                    (group / name).write_text(str(limit))
            return
    raise NotToBeHad("The kernel does not limit memory here.")


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def own_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mount a disk of its own on a folder. Raises NotToBeHad."""
    folder.mkdir()
    if not _is_mounted(folder, size_mb):
        raise NotToBeHad("This user cannot mount a disk.")
    try:
        yield folder
    finally:
        _unmount(folder)


def fill(folder: Path) -> Path:
    """Take all the room that is left on a disk; give the file that takes it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(BLOCK_BYTES))
    return ballast


@contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """Give a file on a disk of 1 MB where one can be mounted, else the device that is always full."""
    folder.mkdir(exist_ok=True)
    if not _is_mounted(folder, 1):
        yield "/dev/full"
        return
    try:
        yield str(folder / "file")
    finally:
        _unmount(folder)


def _unmount(folder: Path) -> None:
    subprocess.run([str(shutil.which("umount")), str(folder)], check=True)


def _is_mounted(folder: Path, size_mb: int) -> bool:
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        return False
    command = [mount, "-t", "tmpfs", "-o", f"size={size_mb}m", "none", str(folder)]
    return subprocess.run(command, check=False).returncode == 0
