"""The power fails in the middle of the work: no verdict that was acknowledged is lost, and the work goes on."""

import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.points.forks import Forks
from tests.crash.points.places import Place
from tests.crash.points.report import Report
from tests.crash.power import Disk, NoPowerCuts, Server
from tests.crash.proof import fingerprint_folder
from tests.crash.test_storm import tell

CUTS_COUNT, LONG_CUTS_COUNT = 3, 30
GOAL_MAX = 12
KILLED = -9
VENDORS = ("sqlite", "postgresql")


class House:
    """A database on a disk, and the cuts that it has seen."""

    def __init__(self, forks: Forks, folder: Path, photos: Path, disk: Disk) -> None:
        """Nothing is on the disk yet."""
        self._forks, self._folder, self._photos, self._disk = forks, folder, photos, disk
        self._server: Server | None = None
        self.acknowledged_count = 0

    def furnish(self, vendor: str) -> None:
        """Put a migrated database on the disk."""
        if vendor == "postgresql":
            self._server = Server(self._disk.mount, self._folder)
        url = self._server.url if self._server else f"sqlite:///{self._disk.mount / 'db.sqlite3'}"
        self.place = Place(url, self._disk.mount / "var")
        self._forks.do(self.place, "migrate")

    def cut(self) -> list[str]:
        """Let the power fail once, and give all that is wrong when it is back."""
        path = self._folder / "acknowledged"
        path.unlink(missing_ok=True)
        ended = self._forks.run(
            self.place,
            "work_until_the_power_fails",
            mount=str(self._disk.mount),
            source=str(self._photos),
            acknowledged=str(path),
            goal=random.randint(1, GOAL_MAX),
        )
        assert ended.exit_code == KILLED, ended.error
        if self._server:
            self._server.kill()
        self._disk.unplug()
        self._disk.plug_in()
        if self._server:
            self._server.start()
        return self._forks.do(self.place, "come_back", acknowledged=self._read(path))

    def _read(self, path: Path) -> list[list[Any]]:
        """Give what was acknowledged before the call."""
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        cut_at = next(line["at"] for line in lines if line.get("cut"))
        acks = [line for line in lines if "positions" in line and line["at"] < cut_at]
        self.acknowledged_count += len(acks)
        return [[line["session"], position] for line in acks for position in line["positions"]]

    def end(self) -> list[dict[str, Any]]:
        """Work to the end; give what is wrong with each session, and its results."""
        return self._forks.do(self.place, "end_all")

    def leave(self) -> None:
        """Stop the server, so that nobody has a file open."""
        if self._server:
            self._server.kill()


@contextmanager
def furnished(forks: Forks, folder: Path, photos: Path, vendor: str) -> Iterator[House]:
    """Have a database on a disk whose power can be cut; skip where there can be none."""
    try:
        disk = Disk(folder)
    except NoPowerCuts as reason:
        pytest.skip(str(reason))
    house = House(forks, folder, photos, disk)
    try:
        house.furnish(vendor)
        yield house
    finally:
        house.leave()
        disk.unplug()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter: PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="stockproof-power-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_acknowledged_verdict_is_lost_when_the_power_fails(
    forks: Forks, open_folder: Path, photos: Path, undisturbed: str, vendor: str
) -> None:
    before = fingerprint_folder(photos)

    with furnished(forks, open_folder, photos, vendor) as house:
        problems = [house.cut() for _ in range(CUTS_COUNT)]
        ends = house.end()

    assert problems == [[]] * CUTS_COUNT
    assert_all_exact(ends, undisturbed)
    assert house.acknowledged_count > 0
    assert fingerprint_folder(photos) == before


@pytest.mark.long
@pytest.mark.parametrize("vendor", VENDORS)
def test_no_acknowledged_verdict_is_lost_when_the_power_fails_30_times(
    forks: Forks, open_folder: Path, photos: Path, undisturbed: str, vendor: str
) -> None:
    report = Report("power cuts")
    left = [number for number in range(LONG_CUTS_COUNT) if not report.is_covered(vendor=vendor, cut=number)]

    with furnished(forks, open_folder, photos, vendor) as house:
        problems = []
        for number in left:
            problems.append(house.cut())
            report.add(problems[-1], vendor=vendor, cut=number)
        ends = house.end() if left else []

    assert problems == [[]] * len(left)
    assert_all_exact(ends, undisturbed)
    tell(f"{vendor}: {len(left)} cuts, {house.acknowledged_count} acknowledged commits, {len(ends)} sessions")


def assert_all_exact(ends: list[dict[str, Any]], undisturbed: str) -> None:
    """Assert that every session ended as one that nothing disturbed."""
    for end in ends:
        assert end["problems"] == []
        assert images_in(end["text"]) == images_in(undisturbed)


def images_in(text: str) -> list[dict[str, Any]]:
    """Read the images in what `results` prints."""
    images = [json.loads(line) for line in text.splitlines()]
    return [{name: value for name, value in image.items() if name != "type"} for image in images]
