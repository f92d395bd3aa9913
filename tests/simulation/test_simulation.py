"""Seeded worlds: each must keep every guarantee after every step, and come to its end."""

import gc
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.db import connection

from tests.simulation.memory import database_for
from tests.simulation.mutants import MUTANTS
from tests.simulation.simulation import simulate
from tests.simulation.world import Violation

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = {"sqlite": range(200), "postgresql": range(12)}
LONG_SEEDS = {"sqlite": range(2000), "postgresql": range(300)}
# Each must have come up somewhere in a run of that many worlds, or they prove little.
TROUBLE = {
    "kill_in_flight",
    "kill_parent",
    "kill_cluster",
    "kill_everything",
    "freeze_in_flight",
    "freeze_host",
    "lose_message",
    "double_message",
    "change_photo",
    "lose_source",
    "jump_clock",
    "lost answer of a commit that lands",
    "lost answer of a commit that does not land",
    "continue",
    "restart_batch",
    "fresh_start",
    "checkpoint",
    "undone",
    "revived",
    "override done",
    "attended",
    "processed alone",
    "recovered by itself",
    "struck again",
    "quarantined",
}


def run_worlds(seeds: Iterable[int], place: Path) -> Counter[str]:
    """Run worlds one after another; give what happened in all of them.

    Who is killed while it reads leaves a cursor of PostgreSQL open, and Python says so when it clears up behind it.
    """
    happened: Counter[str] = Counter()
    with database_for(connection.vendor) as renew, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*ServerSideCursor", ResourceWarning)
        for seed in seeds:
            happened += simulate(seed, place / "world", renew).happened
            shutil.rmtree(place / "world")
        gc.collect()
    return happened


def test_guarantees_hold_after_every_step_of_every_world(tmp_path: Path) -> None:
    happened = run_worlds(SEEDS[connection.vendor], tmp_path)

    assert connection.vendor != "sqlite" or TROUBLE - set(happened) == set()


@pytest.mark.long
def test_guarantees_hold_in_many_more_worlds(tmp_path: Path) -> None:
    happened = run_worlds(LONG_SEEDS[connection.vendor], tmp_path)

    assert TROUBLE - set(happened) == set()


def test_seed_replays_exactly(tmp_path: Path) -> None:
    with database_for(connection.vendor) as renew:
        first, second = (simulate(7, tmp_path / name, renew).trace for name in ("first", "second"))

    assert first == second


@pytest.mark.vendor("sqlite")
def test_failing_seed_tells_its_number_and_its_steps_each_time_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(mutant for mutant in MUTANTS if mutant.name == "pointer cursor").apply(monkeypatch)
    texts = []

    with database_for(connection.vendor) as renew:
        seed = first_caught(renew, tmp_path / "search")
        for name in ("first", "second"):
            with pytest.raises(Violation) as caught:
                simulate(seed, tmp_path / name, renew)
            texts.append(str(caught.value))

    assert texts[0].startswith(f"seed {seed}, step ")
    assert "writes processing_imageresult" in texts[0]
    assert texts[0] == texts[1]


def first_caught(renew: object, place: Path) -> int:
    """Give the first seed whose world finds a fault."""
    for seed in range(150):
        try:
            simulate(seed, place, renew)
        except Violation:
            return seed
    raise AssertionError("No world has found the fault.")
