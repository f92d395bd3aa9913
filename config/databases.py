"""How the two databases are opened: durable, patient, and safe in processes that fork."""

from pathlib import Path
from typing import Any

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"

SQLITE_WAIT_S = 30
CONNECT_TIMEOUT_S = 10
KEEPALIVE_IDLE_S = 10
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 3
# Milliseconds, as libpq wants it: a cable that is pulled ends a wait after 20 s instead of 15 minutes.
TCP_USER_TIMEOUT_MS = 20_000

# NORMAL loses acknowledged commits at a power cut, and so does Django's untouched default; WAL with FULL does not.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": SQLITE_WAIT_S,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
POSTGRESQL_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
    "application_name": "stockproof",
}


def hardened(database: dict[str, Any], base: Path) -> dict[str, Any]:
    """Connection settings with our options; those of the URL win, so that a check can refuse them by name.

    A relative SQLite file is taken from `base`.
    """
    sqlite = database["ENGINE"] == SQLITE
    ours = SQLITE_OPTIONS if sqlite else POSTGRESQL_OPTIONS
    merged = database | {"OPTIONS": ours | database.get("OPTIONS", {}), "CONN_MAX_AGE": None}
    if sqlite:
        return merged | {"NAME": str(base / database["NAME"])}
    return merged | {"CONN_HEALTH_CHECKS": True}
