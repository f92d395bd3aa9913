"""`drill`: what it does to itself, and that it can fail."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.databases import hardened
from config.environment import database_from
from processing.management.drilling import Range, Tally, brier_score
from recovery.management.commands.drill import throwaway_database, url_beside
from tests.commands.running import MANAGE
from tests.factories import make_session

DRILL_S = 1200


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [({"unknown": 1.0}, 0.0), ({"power_failure": 1.0}, 2.0), ({"unknown": 0.5, "stopped": 0.5}, 0.5)],
)
def test_brier_score_is_the_squared_distance_to_the_truth(
    probabilities: dict[str, float], score: float
) -> None:
    assert brier_score(probabilities, "unknown") == pytest.approx(score)


@pytest.mark.parametrize(
    "spoiled", [{"lost": 1}, {"doubled": 1}, {"different": 1}, {"crashes": 2, "brier_sum": 0.21}]
)
def test_drill_does_not_hold_when_anything_is_wrong(spoiled: dict[str, Any]) -> None:
    assert (Tally().holds, Tally(**spoiled).holds) == (True, False)


def test_stop_is_a_deed_and_no_kill() -> None:
    published = Tally(deeds=Counter({"stopped": 2, "worker killed": 3})).published()

    assert (published["kills"], published["deeds"], published["brier"]) == (
        3,
        {"stopped": 2, "worker killed": 3},
        None,
    )


def databases_of_drills() -> list[str]:
    """Name the databases of drills that the server has."""
    if connection.vendor == "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'stockproof_drill_%'")
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_throwaway_database_has_no_session_of_ours_and_is_gone_afterwards(tmp_path: Path) -> None:
    make_session()

    with throwaway_database(str(tmp_path)) as url:
        place = Range(tmp_path, url)
        place.migrate()
        there = place.ask("sessions")
        names = databases_of_drills()

    assert (there, len(names), databases_of_drills()) == ([], connection.vendor == "postgresql", [])


@pytest.mark.parametrize(
    ("own", "host"),
    [
        ("postgres://ada:a%2Fb@example.org:5433/photos?sslmode=require&connect_timeout=7", "example.org"),
        ("postgres://ada@[::1]/photos", "::1"),
        ("postgres://ada@/photos?host=/run/postgresql", "/run/postgresql"),
    ],
)
def test_throwaway_database_is_on_the_same_server_with_the_same_options(own: str, host: str) -> None:
    ours = hardened(database_from(own), Path())

    url = url_beside(ours, "drill")

    theirs = hardened(database_from(url), Path())
    assert theirs["OPTIONS"].pop("host") == host
    assert theirs["OPTIONS"].pop("port", "") == ours["PORT"]
    ours["OPTIONS"].pop("host", None)
    columns = ("ENGINE", "USER", "PASSWORD", "OPTIONS")
    assert [theirs[name] for name in columns] == [ours[name] for name in columns]
    assert theirs["NAME"] == "drill"


@pytest.mark.kill
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_drill_loses_nothing_and_tells_the_causes(database_url: str) -> None:
    command = [sys.executable, str(MANAGE), "drill", "--kills", "6", "--json"]
    environment = {**os.environ, "DATABASE_URL": database_url}
    ended = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=DRILL_S)

    done = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, done["type"], done["holds"]) == (0, "drill", True)
    assert (done["lost"], done["doubled"], done["different"]) == (0, 0, 0)
    assert done["kills"] >= 6
