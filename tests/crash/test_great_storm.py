"""The great storm: hundreds of kills around one session, and two others beside it that never notice."""

import pytest

from tests.crash.great_storm import GreatStorm
from tests.crash.points.report import Report
from tests.crash.studio import Studio
from tests.crash.test_parent_deaths import free_port
from tests.crash.test_storm import chosen_seed, tell

pytestmark = [pytest.mark.kill, pytest.mark.long]

PARTS_COUNT, DEEDS_PER_PART = 10, 20


@pytest.mark.parametrize("part", range(PARTS_COUNT))
def test_nothing_is_lost_and_bystanders_are_undisturbed_when_a_storm_of_200_deeds_rages(
    studio: Studio, undisturbed: str, database_url: str, part: int
) -> None:
    report, vendor = Report("great storm"), database_url.partition(":")[0]
    if report.is_covered(vendor=vendor, part=part):
        tell("covered before")
        return
    seed = chosen_seed()
    storm = GreatStorm(studio, undisturbed, seed=seed, port=free_port())
    tell(f"STORM_SEED={seed}")

    storm.rage(DEEDS_PER_PART)

    tell(storm.report())
    assert storm.done.total() == DEEDS_PER_PART
    assert storm.bystanders_count >= 2
    report.add([], f"seed {seed}: {storm.report()}", vendor=vendor, part=part)
