"""Storms: many random kills, and not one photo lost, doubled, different or wrongly set aside."""

import os
import random
import sys
from pathlib import Path

import pytest

from processing.models import ImageResult
from recovery.models import Crash
from tests.crash.conftest import draw_folder, run_undisturbed
from tests.crash.storm import Storm
from tests.crash.studio import Studio

pytestmark = pytest.mark.kill

KILLS_NOTICED_MIN = 30


def chosen_seed() -> int:
    """Give the seed of STORM_SEED, else a new one; the test prints it."""
    return int(os.environ.get("STORM_SEED") or random.randrange(10**6))


def tell(line: str) -> None:
    """Print a line; pytest shows it when the test fails, and with `-s` always."""
    sys.stdout.write(f"{line}\n")


def test_nothing_is_lost_when_a_storm_of_8_deeds_rages(studio: Studio, undisturbed: str) -> None:
    seed = chosen_seed()
    storm = Storm(studio, undisturbed, seed=seed, frozen_s=1.0)
    tell(f"STORM_SEED={seed}")

    storm.rage(8)

    tell(storm.report())


@pytest.mark.long
def test_nothing_is_lost_when_a_storm_of_40_deeds_rages(studio: Studio, tmp_path: Path) -> None:
    studio.photos = draw_folder(tmp_path / "storm" / "photos", 200)
    expected = run_undisturbed(tmp_path / "reference", studio.photos)
    seed = chosen_seed()
    storm = Storm(studio, expected, seed=seed)
    tell(f"STORM_SEED={seed}")

    storm.rage(40)

    tell(storm.report())


@pytest.mark.long
@pytest.mark.vendor("sqlite")
def test_no_photo_is_set_aside_when_40_workers_are_killed_at_random(studio: Studio, tmp_path: Path) -> None:
    studio.photos = draw_folder(tmp_path / "storm" / "photos", 200)
    expected = run_undisturbed(tmp_path / "reference", studio.photos)
    seed = chosen_seed()
    storm = Storm(studio, expected, seed=seed, deeds={"worker": 1})
    tell(f"STORM_SEED={seed}")

    storm.rage(40)

    tell(storm.report())
    assert ImageResult.objects.filter(verdict="quarantined").count() == 0
    # A worker may have been chosen that was dying already.
    assert Crash.objects.count() >= KILLS_NOTICED_MIN
