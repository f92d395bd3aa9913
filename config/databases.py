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

# One for each of waitress's threads and some for threads that count or look. Who finds none free waits so long.
POOL_OPTIONS: dict[str, Any] = {"min_size": 1, "max_size": 12, "timeout": CONNECT_TIMEOUT_S}


def hardened(database: dict[str, Any], base: Path, *, is_pooled: bool = False) -> dict[str, Any]:
    """Connection settings with our options; those of the URL win, so that a check can refuse them by name.

    A relative SQLite file is taken from `base`. `is_pooled` is for the web process alone: it never forks, and a pool
    that is opened before a fork is shared by all children, who then read each other's answers.
    """
    sqlite = database["ENGINE"] == SQLITE
    ours = SQLITE_OPTIONS if sqlite else POSTGRESQL_OPTIONS
    merged = database | {"OPTIONS": ours | database.get("OPTIONS", {}), "CONN_MAX_AGE": None}
    if sqlite:
        return merged | {"NAME": str(base / database["NAME"])}
    if is_pooled:
        options = {"pool": POOL_OPTIONS} | merged["OPTIONS"]
        # Django closes at the end of each request, which gives the connection back to the pool.
        merged |= {"OPTIONS": options, "CONN_MAX_AGE": 0}
    return merged | {"CONN_HEALTH_CHECKS": True}
