"""`drill`: what it does to itself, and that it can fail."""

import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from processing.management.drilling import Tally, brier_score
from tests.commands.running import MANAGE

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
