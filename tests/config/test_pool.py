"""On PostgreSQL the web process, which never forks, uses a pool; no other process does."""

import json
import os
import subprocess
import sys

import pytest

from config.databases import POOL_OPTIONS
from tests.config.test_web import ask, free_port, wait_until_it_listens
from tests.crash.studio import until
from tests.crash.test_database_trouble import Server, server

__all__ = ["server"]
WEB = "import config.web; config.web.load_application()"
OTHER = "import django; django.setup()"
TELL = "from django.db import connection as c; print(c.settings_dict['OPTIONS'].get('pool'), c.settings_dict['CONN_MAX_AGE'])"


def told(start: str, url: str, **environment: str) -> str:
    """Say what a process that starts like this knows of a pool, and how old its connections get."""
    environment = (
        os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url} | environment
    )
    command = [sys.executable, "-c", f"{start}; {TELL}"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_web_process_alone_has_a_pool_and_only_on_postgresql() -> None:
    postgres = "postgres://nobody@localhost:1/none"

    assert told(WEB, postgres) == f"{POOL_OPTIONS} 0"
    assert told(OTHER, postgres) == "None None"
    assert told(WEB, "sqlite:///x.sqlite3") == "None None"
    assert told(WEB, postgres, STOCKPROOF_POOLED="off") == "None None"


@pytest.mark.vendor("postgresql")
@pytest.mark.django_db(transaction=True)
def test_commands_refuse_a_pool_that_the_environment_asks_for(database_url: str) -> None:
    environment = os.environ | {"DATABASE_URL": database_url, "STOCKPROOF_POOLED": "on"}

    ended = subprocess.run(
        [sys.executable, "manage.py", "sessions", "--json"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert "has a connection pool, but the workers are forked" in json.loads(ended.stdout)["message"]


@pytest.mark.kill
@pytest.mark.vendor("postgresql")
def test_pool_survives_a_database_that_is_killed_and_readiness_says_so_meanwhile(server: Server) -> None:
    port = free_port()
    command = [sys.executable, "-m", "config.web", "127.0.0.1", str(port), str(os.getpid())]

    def missing() -> list[str]:
        return list(json.loads(ask(port, "/readyz")[1])["missing"])

    with subprocess.Popen(command, env=os.environ | {"DATABASE_URL": server.url}) as process:
        try:
            wait_until_it_listens(port)
            before = missing()
            server.kill()
            away = missing(), ask(port, "/healthz")
            server.start()
            until(lambda: missing() == ["workers"])
        finally:
            process.terminate()

    assert (before, away) == (["workers"], (["database"], (200, "ok\n")))
