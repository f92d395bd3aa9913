"""What the tests that kill share: a folder of photos, what an undisturbed run finds in it, and a studio."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.points.forks import Forks, forking
from tests.crash.proof import fingerprint_folder
from tests.crash.studio import Studio
from tests.photos import write_photo

PHOTOS_COUNT = 60


def draw_folder(folder: Path, photos_count: int) -> Path:
    """Draw small photos, every tenth with a fault, every twentieth twice."""
    (folder / "deeper").mkdir(parents=True)
    for number in range(photos_count):
        name = f"{number:04d}.jpg" if number % 4 else f"deeper/{number:04d}.jpg"
        fault = "dark" if number % 10 == 3 else None
        seed = number - 1 if number % 20 == 7 else number
        write_photo(folder / name, width=320, height=240, seed=seed, fault=fault)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The originals; no test changes them."""
    return draw_folder(tmp_path_factory.mktemp("originals") / "photos", PHOTOS_COUNT)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> str:
    """What `results --format jsonl` prints after a run that nothing disturbed."""
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"), photos)


def run_undisturbed(folder: Path, photos: Path) -> str:
    """Judge a folder in an installation of its own; give the results as text."""
    studio = Studio(folder, f"sqlite:///{folder / 'var' / 'stockproof.sqlite3'}", photos)
    assert studio.process().end() == 0, studio.runs[-1].log()
    return studio.finish("results", "latest", "--format", "jsonl").out_path.read_text()


@pytest.fixture
def studio(
    tmp_path: Path, transactional_db: None, database_url: str, photos: Path, settings: object
) -> Iterator[Studio]:
    """An installation on the database of this test; at the end nothing of it runs, and no original has changed."""
    studio = Studio(tmp_path, database_url, photos)
    settings.STOCKPROOF_VAR = studio.var
    before = fingerprint_folder(photos)
    yield studio
    studio.kill_everything()
    assert fingerprint_folder(photos) == before


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The process that forks the others."""
    with forking(tmp_path_factory.mktemp("forks")) as made:
        yield made
