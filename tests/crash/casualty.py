"""A small process that lives as a worker does and then dies of one cause: `python -m tests.crash.casualty CAUSE …`.

It registers, takes a photo off, prints its token, and waits for a line; then it dies. Arguments: the cause, its
parent's row (0: it is a parent itself), the session it serves (empty: all), and what the cause needs; among that
`heed`: note a SIGTERM and go on, and `beat`: tell the database that it lives.
"""

import ctypes
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

MEMORY_BYTES = 16 * 1024 * 1024
ADDRESS_SPACE_BYTES = 64 * 1024 * 1024


def wait_for_ever() -> None:
    """Wait to be killed."""
    threading.Event().wait()


def segfault() -> None:
    """Read address 0."""
    ctypes.string_at(0)


def bus_error(path: str) -> None:
    """Read a page of a file that has become shorter meanwhile."""
    with Path(path).open("wb+") as file:
        file.truncate(mmap.PAGESIZE)
        mapped = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        file.truncate(0)
        mapped[0]


def fill_memory() -> None:
    """Take memory until there is none."""
    held = []
    while True:
        held.append(bytearray(b"x" * MEMORY_BYTES))


def exceed_address_space() -> None:
    """Take memory until the limit refuses it: the error is Python's own."""
    size_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes + ADDRESS_SPACE_BYTES,) * 2)
    fill_memory()


def be_refused() -> None:
    """Connect to a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    socket.create_connection(("127.0.0.1", port))


def be_refused_by_postgresql() -> None:
    """Connect to a database server that is not there."""
    import psycopg  # noqa: PLC0415 -- this cause alone needs it

    psycopg.connect("host=127.0.0.1 port=1 dbname=nobody")


def be_cut() -> None:
    """Read from a connection that the other end resets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = socket.create_connection(server.getsockname())
        other, _address = server.accept()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    own.recv(1)


def fill_disk(path: str) -> None:
    """Write until the disk is full."""
    with Path(path).open("wb", buffering=0) as file:
        while True:
            file.write(bytes(MEMORY_BYTES))


def fill_postgresql() -> None:
    """Write until the disk of the table that was made for it is full."""
    from django.db import connection  # noqa: PLC0415 -- this cause alone needs it

    with connection.cursor() as cursor:
        while True:
            cursor.execute("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1000)")


def fill_sqlite(path: str) -> None:
    """Write until the disk of a database is full."""
    import sqlite3  # noqa: PLC0415 -- this cause alone needs it

    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE filler (text)")
        while True:
            database.execute("INSERT INTO filler VALUES (zeroblob(100000))")
            database.commit()


def read_bad_disk() -> None:
    """Read what cannot be read: the kernel answers EIO for an address that is mapped nowhere."""
    with Path("/proc/self/mem").open("rb", buffering=0) as file:
        file.read(1)


def raise_error() -> None:
    """Meet what nobody expected."""
    raise ValueError("nobody expected this")


CAUSES: dict[str, Callable[..., None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "wait": wait_for_ever,
    "segfault": segfault,
    "abort": os.abort,
    "bus": bus_error,
    "exit": lambda: os._exit(3),
    "error": raise_error,
    "memory": fill_memory,
    "address_space": exceed_address_space,
    "refused": be_refused,
    "refused_by_postgresql": be_refused_by_postgresql,
    "cut": be_cut,
    "disk_full": fill_disk,
    "postgresql_full": fill_postgresql,
    "sqlite_full": fill_sqlite,
    "disk_broken": read_bad_disk,
}


def main(cause: str, parent: str, serves: str, needs: list[str]) -> None:
    """Live for a moment, then die of the cause."""
    import django  # noqa: PLC0415 -- a memory group is joined before anything is loaded

    django.setup()
    from processing.models import ProcessingSession, Worker  # noqa: PLC0415 -- models need django.setup
    from processing.worker import Presence  # noqa: PLC0415 -- the same

    presence = Presence()
    row = Worker.objects.filter(pk=int(parent)).first()
    session = ProcessingSession.objects.filter(pk=serves).first() if serves else None
    presence.register(parent=row, serves=session)
    if "heed" in needs:
        signal.signal(signal.SIGTERM, lambda signum, _frame: presence.recorder.note(stop_signal=signum))
        needs.remove("heed")
    if "beat" in needs:
        presence.start_beating(lambda: None)
        needs.remove("beat")
    presence.recorder.note(phase="analyze", positions=[7], photo="a/7.jpg", alone=True)
    with presence.last_words():
        sys.stdout.write(f"{presence.row.token}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        partial(CAUSES[cause], *needs)()


if __name__ == "__main__":
    group = os.environ.get("CASUALTY_MEMORY_GROUP")
    if group:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
