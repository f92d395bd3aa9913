"""The test databases themselves: both are used, both are real, neither outlives the tests."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from processing.models import Preset
from tests import postgresql

DEADLINE_S = 30
HOLDER = """
import sys, time
from tests import postgresql
with postgresql.running() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.django_db
def test_database_is_the_one_named_in_the_test_id(request: pytest.FixtureRequest) -> None:
    vendor = request.node.callspec.id

    assert connection.vendor == vendor


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time_round", [1, 2])
def test_database_is_as_migrated_again_after_a_test_that_committed(time_round: int) -> None:
    names = list(Preset.objects.order_by("pk").values_list("name", flat=True))

    Group.objects.create(name="flushed away")

    assert names == ["Adobe Stock"]
    assert Group.objects.count() == 1


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_child_process_sees_the_same_durable_database(database_url: str) -> None:
    Group.objects.create(name="seen by the child")
    program = (
        "import django; django.setup(); from django.contrib.auth.models import Group; from django.db import connection;"
        "print(Group.objects.get().name, connection.vendor)"
    )
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "config.settings"}

    child = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    checked = subprocess.run([sys.executable, "manage.py", "check"], env=environment, check=False)

    assert child.stdout == f"seen by the child {connection.vendor}\n"
    assert checked.returncode == 0


@pytest.mark.parametrize("source", ["machine", "wheel"])
def test_postgresql_ends_with_the_process_that_started_it_when_that_is_killed(source: str) -> None:
    environment = os.environ | {"STOCKPROOF_TEST_POSTGRESQL": source}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        folder = Path(holder.stdout.readline().strip().partition("host=")[2])
        server_pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])

        holder.send_signal(signal.SIGKILL)

    deadline_s = time.monotonic() + DEADLINE_S
    while folder.exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not folder.exists()
    assert not Path(f"/proc/{server_pid}").exists()


def test_find_binaries_takes_the_wheel_when_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    binaries = postgresql.find_binaries(tmp_path)

    version = subprocess.run([binaries / "postgres", "-V"], check=True, capture_output=True, text=True)
    assert version.stdout.startswith("postgres (PostgreSQL) 18.")
