"""Log lines: one JSON object per event on stderr."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

# What every record carries by itself; anything else came in through `extra`.
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
QUIET_LOGGERS = ("django-q", "PIL", "waitress.queue")


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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
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
