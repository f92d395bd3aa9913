"""Folders of photos: what is in them, in a fixed order, and one photo's bytes; nothing is ever followed or written."""

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processing.descriptors import (
    LIST_FLAGS,
    PASS_FLAGS,
    PHOTO_FLAGS,
    descend,
    descended,
    is_empty,
    read_all,
)
from processing.models.skipped import SkipReason

EXTENSIONS = frozenset(
    (b"jpg", b"jpeg", b"jpe", b"jfif", b"png", b"tif", b"tiff", b"webp", b"heic", b"heif", b"avif")
)
# Each level on the way holds one descriptor; a process may usually have 1,024.
FOLDER_DEPTH_MAX = 512
EMPTY = "it is empty, as a folder is whose disk is not mounted"

# These say something of this process, nothing of the folder.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))
# What opening answers for a link, a link or file in place of a folder, a socket, a device without a driver.
_NOT_REGULAR = frozenset((errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV))
_REFUSALS = {
    errno.ENOENT: "does not exist. Check the path, and that the disk is mounted.",
    errno.ENOTDIR: "is not a folder. Give the folder that the photos are in.",
    errno.EACCES: "cannot be read by this user. Give this user the right to list it.",
}
_REASONS = {
    stat.S_IFLNK: SkipReason.LINK,
    stat.S_IFIFO: SkipReason.FIFO,
    stat.S_IFSOCK: SkipReason.SOCKET,
    stat.S_IFCHR: SkipReason.DEVICE,
    stat.S_IFBLK: SkipReason.DEVICE,
}


class SourceRefused(Exception):
    """A folder that sessions may not or cannot read."""


class SourceOutside(SourceRefused):
    """A folder outside of those that the operator has named."""


class SourceGone(Exception):
    """The source itself is missing, unmounted or no folder any more, so that nothing can be said of its photos."""


class NotRegular(Exception):
    """The name that was a photo is now a link, a named pipe, a device or a folder; it was not read."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{path_text(path)} is not a regular file any more, so it was not read.")


class FileTooBig(Exception):
    """The photo has more bytes than may be read into memory."""

    def __init__(self, path: bytes, size_bytes: int, bytes_max: int) -> None:
        self.size_bytes = size_bytes
        super().__init__(f"{path_text(path)} has {size_bytes} bytes; at most {bytes_max} are read.")


@dataclass(frozen=True, slots=True)
class Found:
    """A photo by its name under the source; 0 and 0 where it vanished before its size could be seen."""

    path: bytes
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is no photo, and why; the path of a folder ends in a slash."""

    path: bytes
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Passed:
    """A folder that is walked to its end; its path ends in a slash."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """One photo's bytes; the mtime is that of the moment before reading, so a change meanwhile shows later."""

    data: bytes
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class _Level:
    """A folder on the way: its descriptor, its path with a slash, and what is left of its names."""

    fd: int
    prefix: bytes
    identity: tuple[int, int]
    keys: Iterator[bytes]


def path_text(path: bytes) -> str:
    r"""Write a path as text that every database takes: bytes that are not UTF-8 appear as \xNN, NUL as \x00."""
    return path.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def is_photo(name: bytes) -> bool:
    """Say whether a name ends as photos do (interface §3)."""
    _, dot, extension = name.rpartition(b".")
    return dot == b"." and extension.lower() in EXTENSIONS


def check_source(source: str | os.PathLike[str], roots: Sequence[Path]) -> bytes:
    """Give the absolute real path of a folder that sessions may read, or raise SourceRefused with a sentence.

    `roots` are the folders that sessions may read in; empty means any. They are compared after all links are
    resolved, and before anything is said about what exists outside of them.
    """
    shown = os.fspath(source)
    try:
        asked = os.fsencode(shown)
    except UnicodeEncodeError as error:
        raise SourceRefused(f"The source {shown!r} is not a path: it cannot be encoded.") from error
    if not asked or b"\0" in asked:
        raise SourceRefused(f"The source {shown!r} is not a path. Give the path of a folder of photos.")
    real = os.path.realpath(asked)
    if not is_allowed(real, roots):
        raise SourceOutside(
            f"The source {path_text(asked)} is outside the folders that sessions may read. "
            "Add it to STOCKPROOF_SOURCE_ROOTS, or give a folder inside them."
        )
    _try_listing(real, asked)
    return real


def is_allowed(real: bytes, roots: Sequence[Path]) -> bool:
    """Say whether a folder, by its path without links, is one that sessions may read; no roots allow any."""
    return not roots or any(_is_inside(real, os.path.realpath(os.fsencode(root))) for root in roots)


def _is_inside(path: bytes, root: bytes) -> bool:
    return os.path.commonpath((path, root)) == root


def _try_listing(real: bytes, asked: bytes) -> None:
    try:
        with os.scandir(real):
            return
    except OSError as error:
        other = f"cannot be read: {error.strerror}. Check the disk or the network."
        text = _REFUSALS.get(error.errno or 0, other)
        raise SourceRefused(f"The source {path_text(asked)} {text}") from error


class Folder:
    """A source: one folder, with or without the folders below it. The root is an absolute path without links."""

    def __init__(
        self,
        root: bytes,
        *,
        recursive: bool = True,
        left_out: Collection[bytes] = (),
        roots: Sequence[Path] = (),
    ) -> None:
        self.root = root
        self._is_allowed = is_allowed(root, roots)
        self._recursive = recursive
        # Only folders met below the root count: a source inside one of them was somebody's wish.
        self._left_out = frozenset(os.path.realpath(folder) for folder in left_out)

    def walk(self, after: bytes | None = None) -> Iterator[Found | LeftOut]:
        """List photos and what is left out, in the order of design §2, strictly after a path.

        Raises SourceGone when the root is missing, unreadable or empty. Where `after` is the path of a
        folder (it ends in a slash) the whole folder is done.
        """
        for step in self.steps(after):
            if not isinstance(step, Passed):
                yield step

    def steps(self, after: bytes | None = None) -> Iterator[Found | LeftOut | Passed]:
        """Walk, and say too which folders are done: a place to go on from even where there is no photo.

        The memory against loops is that of the folders on the way, not of all: what a scan finds may not
        depend on what it saw before it was killed. A folder inside itself (a bind mount) is left out as too
        deep.
        """
        levels = [self._open_root(after)]
        try:
            while levels:
                level = levels[-1]
                yield from self._rest_of(levels, after)
                if levels[-1] is level:
                    os.close(levels.pop().fd)
                    if level.prefix:
                        yield Passed(level.prefix)
        finally:
            for level in levels:
                os.close(level.fd)

    def _rest_of(self, levels: list[_Level], after: bytes | None) -> Iterator[Found | LeftOut]:
        """List the innermost folder up to its end or to the next folder in it, which is then the innermost."""
        level = levels[-1]
        for key in level.keys:
            step = self._enter(levels, key, after) if key.endswith(b"/") else _look(level, key)
            if step is not None:
                yield step
            if levels[-1] is not level:
                return

    def _open_root(self, after: bytes | None) -> _Level:
        with self._root_fd() as root_fd:
            try:
                if is_empty(root_fd):
                    raise self._source_gone(EMPTY)
                return self._list(os.open(b".", LIST_FLAGS, dir_fd=root_fd), b"", after)
            except OSError as error:
                raise self._as_gone(error) from error

    def _enter(self, levels: list[_Level], key: bytes, after: bytes | None) -> LeftOut | None:
        """Make a folder the innermost level, or say why not; one that has just vanished was never there."""
        parent = levels[-1]
        path = parent.prefix + key
        if self.root.rstrip(b"/") + b"/" + path[:-1] in self._left_out:
            return None
        if len(levels) > FOLDER_DEPTH_MAX:
            return LeftOut(path, SkipReason.TOO_DEEP)
        try:
            level = self._list(os.open(key[:-1], LIST_FLAGS, dir_fd=parent.fd), path, after)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            return LeftOut(path, SkipReason.UNREADABLE_FOLDER)
        if any(level.identity == outer.identity for outer in levels):
            os.close(level.fd)
            return LeftOut(path, SkipReason.TOO_DEEP)
        levels.append(level)
        return None

    def _list(self, fd: int, prefix: bytes, after: bytes | None) -> _Level:
        """Hold the names of one folder as sorted bytes; takes the descriptor over, also when it raises."""
        try:
            status = os.fstat(fd)
            keys = self._keys(fd)
        except BaseException:
            os.close(fd)
            raise
        if after is not None:
            keys = [key for key in keys if _is_ahead(prefix + key, after)]
        keys.sort()
        return _Level(fd, prefix, (status.st_dev, status.st_ino), iter(keys))

    def _keys(self, fd: int) -> list[bytes]:
        keys = []
        with os.scandir(fd) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if name.startswith(b"."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._recursive:
                        keys.append(name + b"/")
                elif is_photo(name) or entry.is_symlink():
                    keys.append(name)
        return keys

    def has_photo(self) -> bool:
        """Say whether there is one photo at least; stops at the first."""
        try:
            return any(isinstance(step, Found) for step in self.steps())
        except SourceGone:
            return False

    def read(self, path: bytes, *, bytes_max: int) -> Content:
        """Read one photo into memory, once; every folder on the way is opened without following a link.

        Raises NotRegular, FileTooBig, SourceGone, or OSError with the errno of what the file system said.
        """
        fd, status = self.open(path)
        try:
            if status.st_size > bytes_max:
                raise FileTooBig(path, status.st_size, bytes_max)
            data = read_all(fd, status.st_size, bytes_max)
        finally:
            os.close(fd)
        if len(data) > bytes_max:
            raise FileTooBig(path, len(data), bytes_max)
        return Content(data, len(data), status.st_mtime_ns)

    def open(self, path: bytes) -> tuple[int, os.stat_result]:
        """Open one photo for reading, which the caller closes; raises as `read` does, but for its size."""
        with self._folder_of(path) as (folder_fd, name):
            fd = os.open(name, PHOTO_FLAGS, dir_fd=folder_fd)
            status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            return fd, status
        os.close(fd)
        raise NotRegular(path)

    def stat(self, path: bytes) -> tuple[int, int]:
        """Give a photo's size in bytes and mtime in nanoseconds without opening it; raises as `read` does."""
        with self._folder_of(path) as (folder_fd, name):
            status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(path)
        return status.st_size, status.st_mtime_ns

    @contextmanager
    def _folder_of(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """Open the folder of a photo, component by component; gives its descriptor and the photo's name."""
        *folders, name = path.split(b"/")
        if {b"", b".", b".."} & {*folders, name}:
            raise NotRegular(path)
        with self._root_fd() as root_fd:
            try:
                with descended(root_fd, folders) as folder_fd:
                    yield folder_fd, name
            except FileNotFoundError as error:
                if is_empty(root_fd):
                    raise self._source_gone(EMPTY) from error
                raise
            except OSError as error:
                if error.errno in _NOT_REGULAR:
                    raise NotRegular(path) from error
                raise

    @contextmanager
    def _root_fd(self) -> Iterator[int]:
        """Open the root from `/` on, so that no part of its path can have become a link meanwhile.

        The operator may have narrowed what sessions may read since this one began.
        test: test_session_reads_and_shows_nothing_more_when_its_source_is_no_longer_allowed.
        """
        if not self._is_allowed:
            raise SourceGone(
                f"The source {path_text(self.root)} is outside the folders that sessions may read by now. "
                "Add it to STOCKPROOF_SOURCE_ROOTS, then recover the session."
            )
        top_fd = os.open(b"/", PASS_FLAGS)
        try:
            root_fd = descend(top_fd, [name for name in self.root.split(b"/") if name])
        except OSError as error:
            raise self._as_gone(error) from error
        finally:
            os.close(top_fd)
        try:
            yield root_fd
        finally:
            os.close(root_fd)

    def _as_gone(self, error: OSError) -> Exception:
        return error if error.errno in _EXHAUSTED else self._source_gone(str(error.strerror))

    def _source_gone(self, why: str) -> SourceGone:
        return SourceGone(
            f"The source {path_text(self.root)} cannot be read: {why}. "
            "Mount it or put it back, then recover the session."
        )


def _is_ahead(path: bytes, after: bytes) -> bool:
    """Say whether anything at or below a path comes strictly after another."""
    return path > after or (path.endswith(b"/") and path != after and after.startswith(path))


def _look(level: _Level, name: bytes) -> Found | LeftOut | None:
    """Say what a name is by lstat alone. A photo that has just vanished keeps its place: its row will say so."""
    path = level.prefix + name
    try:
        status = os.stat(name, dir_fd=level.fd, follow_symlinks=False)
    except OSError:
        return Found(path, 0, 0) if is_photo(name) else None
    if not stat.S_ISREG(status.st_mode):
        reason = _REASONS.get(stat.S_IFMT(status.st_mode))
        return None if reason is None else LeftOut(path, reason)
    return Found(path, status.st_size, status.st_mtime_ns) if is_photo(name) else None
