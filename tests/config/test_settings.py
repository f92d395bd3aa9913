"""Settings: defaults, and the sentence that refuses a wrong value before anything starts."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import databases

SHOW = """
import json
import django
from django.conf import settings
django.setup()
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=str))
"""


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of their own."""
    environment = os.environ | {"STOCKPROOF_VAR": str(folder)} | variables
    return subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, check=False, capture_output=True, text=True
    )


def test_settings_have_the_published_defaults_when_nothing_is_set(tmp_path: Path) -> None:
    started = start(tmp_path / "var")

    settings = json.loads(started.stdout)
    published = {
        "BATCH_SIZE": 50,
        "CHECKPOINT_INTERVAL": 10,
        "PHOTO_TIMEOUT_S": 30.0,
        "CRASH_DETECTION_TIMEOUT_S": 300.0,
        "CHECKPOINT_KEEP_COUNT": 5,
        "AUTO_RECOVER": "off",
        "STOCKPROOF_DEVICE": "auto",
        "STOCKPROOF_SOURCE_ROOTS": [],
        "DEBUG": False,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
        "SESSION_COOKIE_SECURE": False,
        "SECURE_HSTS_SECONDS": 0,
        "HEARTBEAT_S": 2,
    }
    assert {name: settings[name] for name in published} == published
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "var" / "stockproof.sqlite3")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BATCH_SIZE", "0", "BATCH_SIZE is '0', but it must be a whole number from 1 to 10000: "),
        ("BATCH_SIZE", "5.5", "BATCH_SIZE is '5.5', but it must be a whole number from 1 to 10000: "),
        (
            "PHOTO_TIMEOUT_S",
            "soon",
            "PHOTO_TIMEOUT_S is 'soon', but it must be a number of seconds from 1 to 3600: ",
        ),
        (
            "PHOTO_TIMEOUT_S",
            "nan",
            "PHOTO_TIMEOUT_S is 'nan', but it must be a number of seconds from 1 to 3600: ",
        ),
        ("AUTO_RECOVER", "maybe", "AUTO_RECOVER is 'maybe', but it must be one of off, safe, always: "),
        ("DEBUG", "perhaps", "DEBUG is 'perhaps', but it must be on or off: "),
        ("STOCKPROOF_DEVICE", "gpu", "STOCKPROOF_DEVICE is 'gpu', but it must be auto, cpu or cuda:N: "),
        (
            "STOCKPROOF_SOURCE_ROOTS",
            "photos",
            "STOCKPROOF_SOURCE_ROOTS is 'photos', but it is not an absolute path: ",
        ),
        (
            "STOCKPROOF_OUTPUT_ROOTS",
            "/no/such",
            "STOCKPROOF_OUTPUT_ROOTS is '/no/such', but there is no such folder: ",
        ),
        (
            "STOCKPROOF_VAR",
            "/dev/null/var",
            "STOCKPROOF_VAR is '/dev/null/var', but this folder cannot be made (",
        ),
        (
            "DATABASE_URL",
            "mysql://a:secret@b/c",
            "DATABASE_URL is 'mysql…', but it must begin with postgres:// or sqlite:///: ",
        ),
        (
            "DATABASE_URL",
            "postgres://a:secret@b:x/c",
            "DATABASE_URL is 'postgres://…', but it cannot be read (",
        ),
        (
            "DATABASE_URL",
            "postgres://a:secret@b",
            "DATABASE_URL is 'postgres://…', but it names no database that ",
        ),
        ("DATABASE_URL", "sqlite://:memory:", "DATABASE_URL is 'sqlite://…', but it names no database that "),
        (
            "CSRF_TRUSTED_ORIGINS",
            "a.example",
            "CSRF_TRUSTED_ORIGINS is 'a.example', but an origin is a scheme and a host",
        ),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', but it must be one of debug, info, warning, error: "),
        (
            "STOCKPROOF_SERVED",
            "wide",
            "STOCKPROOF_SERVED is 'wide', but it must be one of loopback, public: ",
        ),
    ],
)
def test_settings_refuse_a_wrong_value_with_a_sentence(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    started = start(tmp_path, **{name: value})

    last_line = started.stderr.splitlines()[-1]
    assert last_line.startswith(f"django.core.exceptions.ImproperlyConfigured: {sentence}")
    assert "secret" not in started.stderr
    assert started.returncode == 1


def test_secrets_are_the_same_for_processes_that_start_together(tmp_path: Path) -> None:
    environment = os.environ | {"STOCKPROOF_VAR": str(tmp_path)}
    command = [sys.executable, "-c", SHOW]
    together = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(6)]

    settings = [json.loads(process.communicate()[0]) for process in together]

    assert len({one["SECRET_KEY"] for one in settings}) == 1
    assert len({tuple(one["STOCKPROOF_CHECKPOINT_KEYS"]) for one in settings}) == 1
    assert len(settings[0]["SECRET_KEY"]) >= 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint_keys", "secret_key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_secret_is_refused_when_its_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()

    started = start(tmp_path)

    assert started.stderr.splitlines()[-1].endswith(
        f"{tmp_path}/secret_key is empty: restore it, or delete it to have a new secret made."
    )


def test_settings_of_a_public_server_insist_on_https(tmp_path: Path) -> None:
    settings = json.loads(start(tmp_path, STOCKPROOF_SERVED="public").stdout)

    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT")
    assert [settings[name] for name in names] == [True, True, True]
    assert settings["SECURE_HSTS_SECONDS"] == 31_536_000


def test_database_url_is_opened_with_our_options(tmp_path: Path) -> None:
    settings = json.loads(start(tmp_path, DATABASE_URL="postgres://me:p%40ss@db.example:5433/photos").stdout)

    database = settings["DATABASES"]["default"]
    assert (database["USER"], database["PASSWORD"]) == ("me", "p@ss")
    assert database["OPTIONS"] == databases.POSTGRESQL_OPTIONS
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (None, True)
    assert settings["HEARTBEAT_S"] == 1


def test_variables_of_an_env_file_count_unless_they_are_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BATCH_SIZE=7\nCHECKPOINT_INTERVAL=8\n")
    program = (
        "from pathlib import Path; from config import environment as e; e.read_file(Path('.env'));"
        "print(e.read_whole('BATCH_SIZE', 1, 1, 9), e.read_whole('CHECKPOINT_INTERVAL', 1, 1, 9))"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "BATCH_SIZE": "3"}

    child = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert child.stdout == "3 8\n"
