"""Death before and after every write of every act: what comes after is as if nothing had happened."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections

from tests.crash.conftest import draw_folder
from tests.crash.points.forks import Forks
from tests.crash.points.places import Place, places_on
from tests.crash.points.points import SWEPT, Act, Sweep
from tests.crash.points.report import Report
from tests.crash.points.scenes import Scenes
from tests.crash.points.writes import Point
from tests.crash.proof import fingerprint_folder

# Not marked `kill`: what dies is a client, and what it has sent is with the kernel or the server. A disk that is
# waited for at each of some thousand copies of a database would prove nothing more; power cuts are tested elsewhere.

PHOTOS_COUNT = 8
SAMPLE_POINTS = 2


@pytest.fixture(scope="session")
def few_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The originals: one dark, two alike."""
    return draw_folder(tmp_path_factory.mktemp("few") / "photos", PHOTOS_COUNT)


@pytest.fixture(scope="session")
def scenes(
    tmp_path_factory: pytest.TempPathFactory, database: object, forks: Forks, few_photos: Path
) -> Scenes:
    """The prepared places on this test's database."""
    folder = tmp_path_factory.mktemp("places")
    connections["default"].close()
    empty = Place(database.url, folder / "nothing")
    return Scenes(forks, places_on(database.url, folder), empty, few_photos)


@pytest.mark.parametrize("act", SWEPT, ids=lambda act: act.name)
def test_nothing_is_lost_when_a_process_dies_at_a_write(
    database_url: str, scenes: Scenes, few_photos: Path, act: Act
) -> None:
    before = fingerprint_folder(few_photos)
    sweep = Sweep(scenes, act)

    points = random.sample(sweep.points, SAMPLE_POINTS)
    found = {point: sweep.problems_at(point) for point in points}

    assert {point: problems for point, problems in found.items() if problems} == {}
    assert fingerprint_folder(few_photos) == before


@pytest.mark.long
@pytest.mark.parametrize("act", SWEPT, ids=lambda act: act.name)
def test_nothing_is_lost_when_a_process_dies_before_or_after_any_write(
    database_url: str, scenes: Scenes, few_photos: Path, act: Act
) -> None:
    before = fingerprint_folder(few_photos)
    sweep = Sweep(scenes, act)
    report = Report("kill points")

    found = dict(sweep_all(sweep, report, vendor=connection.vendor, act=act.name))

    assert {point: problems for point, problems in found.items() if problems} == {}
    assert fingerprint_folder(few_photos) == before


def sweep_all(sweep: Sweep, report: Report, **place: str) -> Iterator[tuple[Point, list[str]]]:
    """Go through all points that were not covered before, and append each to the report."""
    for point in sweep.points:
        facts = {**place, "number": point.number, "when": point.when, "write": sweep.writes[point.number - 1]}
        if not report.is_covered(**facts):
            problems = sweep.problems_at(point)
            report.add(problems, **facts)
            yield point, problems
