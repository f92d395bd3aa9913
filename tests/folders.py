"""Folders that tests fill, and acting without the rights of root."""

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processing.sources import Folder, Found

NOBODY = 65534
SECRET = b"SECRET-OUTSIDE"
# Of linux/sched.h and linux/mount.h.
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def new_source(place: Path) -> Path:
    """Make an empty folder and give its real path."""
    folder = place.resolve() / "source"
    folder.mkdir()
    return folder


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Hold a folder that every user can reach; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def put(root: Path, *names: str, data: bytes = b"") -> None:
    """Make files, and the folders on the way to them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def folder_of(root: Path, **options: Any) -> Folder:
    """Take a path as a source."""
    return Folder(os.fsencode(root), **options)


def found_paths(folder: Folder, after: bytes | None = None) -> list[bytes]:
    """List the photos alone."""
    return [entry.path for entry in folder.walk(after) if isinstance(entry, Found)]


def as_nobody(folder: Path, act: Callable[[], object]) -> object:
    """Act without the rights of root; a user who is not root has none to give up."""
    if os.geteuid() != 0:
        return act()
    os.seteuid(NOBODY)
    try:
        if not os.access(folder.parent, os.X_OK, effective_ids=True):
            pytest.skip("the folder for temporary files is closed to other users")
        return act()
    finally:
        os.seteuid(0)


def open_descriptors() -> int:
    """Count what this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def mount_inside(folder: Path, place: Path) -> None:
    """Show a folder at a second place, to this thread alone: the mount ends with the thread.

    Raises OSError where that is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (
        lambda: libc.unshare(CLONE_NEWNS),
        lambda: libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
        lambda: libc.mount(os.fsencode(folder), os.fsencode(place), None, MS_BIND, None),
    )
    for step in steps:
        if step():
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def outcome_with(free_count: int, act: Callable[[], object]) -> object:
    """Act while so many descriptors are free; give what came of it, or the errno of the OSError."""
    hoard: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                hoard.append(os.open("/", os.O_RDONLY))
        for _ in range(free_count):
            os.close(hoard.pop())
        return act()
    except OSError as error:
        return error.errno
    finally:
        for descriptor in hoard:
            os.close(descriptor)
