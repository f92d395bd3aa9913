"""The outcome does not depend on workers, batches, checkpoints or the database: the same bytes each time."""

import json
from pathlib import Path

import pytest

from tests.crash.studio import Studio
from tests.photos import write_photo

pytestmark = pytest.mark.kill

WAYS = [
    ("--workers", "1", "--batch-size", "3", "--checkpoint-interval", "2"),
    ("--workers", "2", "--batch-size", "50", "--checkpoint-interval", "10"),
]
FAULTS = (None, "noise", "png", "cut", "garbage", "empty", "dark")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with and without faults, two of each picture, some of them large enough to be approved."""
    folder = tmp_path_factory.mktemp("determinism") / "photos"
    folder.mkdir()
    for number in range(14):
        size = {"width": 2600, "height": 1700} if number < 3 else {"width": 640, "height": 480}
        seed = 0 if number == 2 else number % 7
        write_photo(folder / f"{number:02d}.jpg", seed=seed, fault=FAULTS[number // 2 % 7], **size)
    (folder / "same.jpg").write_bytes((folder / "00.jpg").read_bytes())
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> str:
    """What the first way finds, on an SQLite database of its own."""
    folder = tmp_path_factory.mktemp("first")
    return results(Studio(folder, f"sqlite:///{folder / 'var' / 'stockproof.sqlite3'}", photos), WAYS[0])


def results(studio: Studio, way: tuple[str, ...]) -> str:
    """Process the photos in one way; give what `results --format jsonl` prints."""
    run = studio.start("process", str(studio.photos), "--new", *way)
    assert run.end() in (0, 3), run.log()
    return studio.finish("results", "latest", "--format", "jsonl").out_path.read_text(encoding="utf-8")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS, ids=["small steps", "two workers"])
def test_results_are_the_same_bytes_whatever_the_way_and_the_database(
    tmp_path: Path, database_url: str, photos: Path, first: str, way: tuple[str, ...]
) -> None:
    again = results(Studio(tmp_path, database_url, photos), way)

    images = [json.loads(line) for line in first.splitlines()]
    assert again == first
    assert len(images) == 15
    assert {image["verdict"] for image in images} == {"approved", "rejected", "unreadable"}
    assert [image["path"] for image in images if image["similar_group"] == 0] == [
        "00.jpg",
        "02.jpg",
        "same.jpg",
    ]
