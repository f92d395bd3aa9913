"""A state folder of its own for the test run, in place before the settings are read (`-p tests.environment`)."""

import os
import shutil
import tempfile
from pathlib import Path

SETTINGS_NAMES = [
    "DATABASE_URL",
    "SECRET_KEY",
    "STOCKPROOF_CHECKPOINT_KEYS",
    "STOCKPROOF_SOURCE_ROOTS",
    "STOCKPROOF_OUTPUT_ROOTS",
    "STOCKPROOF_WORKERS",
    "STOCKPROOF_DEVICE",
    "STOCKPROOF_SERVED",
    "STOCKPROOF_POOLED",
    "BATCH_SIZE",
    "CHECKPOINT_INTERVAL",
    "PHOTO_TIMEOUT_S",
    "CRASH_DETECTION_TIMEOUT_S",
    "CHECKPOINT_KEEP_COUNT",
    "AUTO_RECOVER",
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "LOG_LEVEL",
    "Q_CLUSTER_NAME",
]

# What a developer has set, in the environment or in `.env`, must not change what the tests see.
# An empty value counts as unset, and `.env` does not replace it.
os.environ.update(dict.fromkeys(SETTINGS_NAMES, ""))

# A process of pytest-xdist ends without a last word, so its folder lies in that of the one that started it.
OUTER = os.environ["STOCKPROOF_VAR"] if "PYTEST_XDIST_WORKER" in os.environ else None
VAR = Path(tempfile.mkdtemp(prefix="stockproof-test-var-", dir=OUTER))
os.environ["STOCKPROOF_VAR"] = str(VAR)


def pytest_unconfigure() -> None:
    """Remove the state folder after the last test."""
    shutil.rmtree(VAR, ignore_errors=True)
