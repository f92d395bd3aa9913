"""Folders and files opened by descriptor, name by name, so that no symbolic link is ever followed.

A plain open of a named pipe hangs until it is killed, and a link that takes a photo's place leads outside.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

READ_CHUNK_BYTES = 64 * 1024

LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_PATH needs no right to list the folders on the way, as an ordinary open of a path does not either.
PASS_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PHOTO_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@contextmanager
def descended(fd: int, names: Sequence[bytes]) -> Iterator[int]:
    """Hold a folder below an open one."""
    below_fd = descend(fd, names)
    try:
        yield below_fd
    finally:
        os.close(below_fd)


def descend(fd: int, names: Sequence[bytes]) -> int:
    """Open a folder below an open one, link by link of the chain; no symbolic link is followed."""
    current_fd = os.dup(fd)
    for name in names:
        try:
            next_fd = os.open(name, PASS_FLAGS, dir_fd=current_fd)
        finally:
            os.close(current_fd)
        current_fd = next_fd
    return current_fd


def is_empty(folder_fd: int) -> bool:
    """Say whether an open folder has no entry at all."""
    fd = os.open(b".", LIST_FLAGS, dir_fd=folder_fd)
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is None
    finally:
        os.close(fd)


def read_all(fd: int, size_bytes: int, bytes_max: int) -> bytes:
    """Read to the end, but never more than one byte over the limit, whatever the size was said to be."""
    chunks = []
    left_bytes = bytes_max + 1
    chunk_bytes = max(size_bytes + 1, READ_CHUNK_BYTES)
    while left_bytes and (chunk := os.read(fd, min(chunk_bytes, left_bytes))):
        chunks.append(chunk)
        left_bytes -= len(chunk)
    return b"".join(chunks)
