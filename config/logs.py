"""Log lines: one JSON object per event on stderr."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# What every record carries by itself; anything else came in through `extra`.
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
QUIET_LOGGERS = ("django-q", "PIL", "waitress.queue")

# What this thread works for; every line that it logs says so.
_context: ContextVar[dict[str, str]] = ContextVar("stockproof_log_context")


@contextmanager
def context(**facts: str) -> Iterator[None]:
    """Let every line that is logged inside say these facts: `request_id`, `session`."""
    before = _context.set(_context.get({}) | facts)
    try:
        yield
    finally:
        _context.reset(before)


def start_context(**facts: str) -> None:
    """Let every line that this thread logs from now on say these facts and no others, until it starts anew."""
    _context.set(facts)


def add_to_context(**facts: str) -> None:
    """Add facts that are found out only now."""
    _context.set(_context.get({}) | facts)


class Context(logging.Filter):
    """Adds to each line what its thread works for; what the line itself says of that comes first."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass."""
        for name, value in _context.get({}).items():
            if name not in vars(record):
                setattr(record, name, value)
        return True


class JsonFormatter(logging.Formatter):
    """Timestamp, level, logger, message and all `extra` fields; control characters leave escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without a newline in it, whatever the fields hold."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {
            key: value for key, value in vars(record).items() if key not in STANDARD_FIELDS | line.keys()
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configuration(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything from `level` up to stderr, talkative libraries from WARNING."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
        "filters": {"context": {"()": "config.logs.Context"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # django-q2 adds a handler of its own to a logger that has none.
            **{
                name: {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
                for name in QUIET_LOGGERS
            },
            # Each failed login and each lock-out is in the audit log, where it says whose and from where.
            "axes": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        },
    }
