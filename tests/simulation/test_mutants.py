"""The simulation is tried itself: each wrong variant of the product must be caught by one of its first worlds."""

import shutil
from pathlib import Path

import pytest

from tests.simulation.memory import database_for
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.simulation import simulate
from tests.simulation.world import Violation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]

SEEDS_MAX = 150


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_wrong_variant_is_caught(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutant.apply(monkeypatch)

    caught = first_violation(tmp_path / "world", mutant.seed)

    with capsys.disabled():
        print(f"\n{mutant.name:32} caught by seed {caught.seed:3}: {caught.what[:90]}")
    assert caught.seed < SEEDS_MAX


def first_violation(place: Path, first_seed: int) -> Violation:
    """Run worlds until one finds the fault, beginning with the one that found it last."""
    with database_for("sqlite") as renew:
        for seed in (first_seed, *range(SEEDS_MAX)):
            try:
                simulate(seed, place, renew)
            except Violation as violation:
                return violation
            finally:
                shutil.rmtree(place, ignore_errors=True)
    raise AssertionError(f"{SEEDS_MAX} worlds have not found the fault.")
