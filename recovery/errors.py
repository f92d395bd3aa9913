"""What kind of trouble an error is: memory, storage, network, or the program's own."""

import errno
from collections.abc import Callable

from recovery.evidence import Evidence
from recovery.models import CrashType

MEMORY_ERRNOS = {errno.ENOMEM}
STORAGE_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EFBIG,
    errno.ENXIO,
    errno.ENODEV,
    errno.EBADMSG,
    # Linux names these two for damaged file systems and removed disks.
    *(getattr(errno, name) for name in ("EUCLEAN", "ENOMEDIUM") if hasattr(errno, name)),
}
NETWORK_ERRNOS = {
    errno.ETIMEDOUT,
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ECONNABORTED,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENETRESET,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENOTCONN,
    errno.ESTALE,
    errno.EPIPE,
}
# SQLSTATE by https://www.postgresql.org/docs/current/errcodes-appendix.html, SQLite's names by
# https://www.sqlite.org/rescode.html; each stands for all codes that begin so.
MEMORY_CODES = ("53200", "SQLITE_NOMEM")
STORAGE_CODES = (
    "53100",
    "58030",
    "XX001",
    "XX002",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CORRUPT",
    "SQLITE_CANTOPEN",
    "SQLITE_NOTADB",
)
NETWORK_CODES = ("08", "57P")
MEMORY_TYPES = {"MemoryError", "OutOfMemoryError"}
# psycopg gives a lost or refused connection no SQLSTATE.
NETWORK_TYPES = {"ConnectionError", "TimeoutError", "gaierror", "herror"}
POSTGRESQL_TYPES = {"psycopg.OperationalError", "psycopg.InterfaceError"}

Kind = tuple[CrashType, Callable[[Evidence], bool]]


def _short_types(evidence: Evidence) -> set[str]:
    return {name.rpartition(".")[2] for name in evidence.error_types}


# In this order: a number or a code says more than a class, and memory runs out under everything else.
KINDS: tuple[Kind, ...] = (
    (
        CrashType.OUT_OF_MEMORY,
        lambda e: e.error_errno in MEMORY_ERRNOS or bool(MEMORY_TYPES & _short_types(e)),
    ),
    (CrashType.OUT_OF_MEMORY, lambda e: e.error_code.startswith(MEMORY_CODES)),
    (CrashType.STORAGE_FAILURE, lambda e: e.error_errno in STORAGE_ERRNOS),
    (CrashType.STORAGE_FAILURE, lambda e: e.error_code.startswith(STORAGE_CODES)),
    (CrashType.NETWORK_FAILURE, lambda e: e.error_errno in NETWORK_ERRNOS),
    (CrashType.NETWORK_FAILURE, lambda e: e.error_code.startswith(NETWORK_CODES)),
    (CrashType.NETWORK_FAILURE, lambda e: bool(NETWORK_TYPES & _short_types(e))),
    (
        CrashType.NETWORK_FAILURE,
        lambda e: not e.error_code and bool(POSTGRESQL_TYPES.intersection(e.error_types)),
    ),
)


def kind_of_error(evidence: Evidence) -> CrashType | None:
    """Give what kind of trouble the last error was; None when there was none."""
    if not evidence.error_types:
        return None
    return next((kind for kind, holds in KINDS if holds(evidence)), CrashType.APPLICATION_CRASH)
