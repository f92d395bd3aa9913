"""Photos that cost the worker its life: set aside with evidence, while all others are judged."""

from itertools import cycle
from pathlib import Path

import pytest

from processing.models import ImageResult
from recovery.models import Crash
from tests.crash.conftest import run_undisturbed
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio
from tests.crash.victim import Deed
from tests.photos import write_photo

pytestmark = pytest.mark.kill

PHOTOS_COUNT = 23
MANY_COUNT = 10_000
POISON_EVERY = 200
PICTURE_EVERY = 40
# What a photo does to the worker, and how many deaths prove it at most: the first may have had company,
# and is then told of the group's first photo.
DEATHS = {"segfault": 2, "abort": 2, "exit": 2, "hang": 2, "hang_in_native_code": 2, "memory": 2, "kill": 4}
PREPARE = "processing.analysis.pipeline.Pipeline.prepare"


@pytest.fixture(scope="session")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good photos, and one for each way to die; its marker stands behind the picture, where no decoder looks."""
    folder = tmp_path_factory.mktemp("poison") / "photos"
    folder.mkdir()
    acts = dict(zip(range(2, PHOTOS_COUNT, 3), DEATHS, strict=False))
    for number in range(PHOTOS_COUNT):
        path = folder / f"{number:04d}.jpg"
        write_photo(path, width=320, height=240, seed=number)
        if number in acts:
            path.write_bytes(path.read_bytes() + f"<{acts[number]}>".encode())
            path.rename(folder / f"{number:04d}-{acts[number]}.jpg")
    return folder


@pytest.fixture(scope="session")
def harmless(tmp_path_factory: pytest.TempPathFactory, poisoned: Path) -> str:
    """What the same photos give where they do no harm."""
    return run_undisturbed(tmp_path_factory.mktemp("harmless"), poisoned)


@pytest.mark.vendor("sqlite")
def test_poison_photos_are_set_aside_and_all_others_judged(
    studio: Studio, poisoned: Path, harmless: str
) -> None:
    studio.photos = poisoned
    plan = [Deed(PREPARE, act=act, marker=f"<{act}>", always=True) for act in DEATHS]

    run = studio.process(plan=plan, PHOTO_TIMEOUT_S="2")

    assert run.end(120) == 3, run.log()
    aside = ImageResult.objects.filter(verdict="quarantined").in_order()
    assert [row.path_text for row in aside] == sorted(path.name for path in poisoned.glob("*-*"))
    assert_exact(studio, harmless, quarantined=[row.position for row in aside])
    for act, deaths in DEATHS.items():
        told = Crash.objects.filter(photo__endswith=f"-{act}.jpg").count()
        assert deaths - 1 <= told <= deaths, act
    assert Crash.objects.count() <= sum(DEATHS.values())
    assert "child process ended" not in run.log()


def draw_many(folder: Path) -> dict[int, str]:
    """Lay out many files, few of them pictures since those take time; give the position and the act of each poisonous one."""
    folder.mkdir()
    picture = folder.parent / "picture.jpg"
    write_photo(picture, width=320, height=240)
    acts, poisonous = cycle(DEATHS), {}
    for number in range(MANY_COUNT):
        content = picture.read_bytes() if number % PICTURE_EVERY == 0 else b"no picture "
        if number % POISON_EVERY == POISON_EVERY // 2:
            poisonous[number] = next(acts)
            content = picture.read_bytes() + f"<{poisonous[number]}>".encode()
        (folder / f"{number:05d}.jpg").write_bytes(content + str(number).encode())
    return poisonous


@pytest.mark.long
@pytest.mark.vendor("sqlite")
def test_9950_photos_get_their_verdict_and_50_poisonous_ones_are_named(
    studio: Studio, tmp_path: Path
) -> None:
    studio.photos = tmp_path / "many"
    poisonous = draw_many(studio.photos)
    plan = [Deed(PREPARE, act=act, marker=f"<{act}>", always=True) for act in DEATHS]

    run = studio.process("--batch-size", "50", "--checkpoint-interval", "10", plan=plan, PHOTO_TIMEOUT_S="2")

    assert run.end(3600) == 3, run.log()
    rows = ImageResult.objects.live().filter(session=studio.session()).in_order()
    assert list(rows.values_list("position", flat=True)) == list(range(MANY_COUNT))
    aside = rows.filter(verdict="quarantined")
    assert [(row.position, row.path_text) for row in aside] == [(n, f"{n:05d}.jpg") for n in poisonous]
    pictures = rows.exclude(verdict__in=("quarantined", "unreadable")).count()
    assert (len(poisonous), pictures) == (50, MANY_COUNT // PICTURE_EVERY)
    assert studio.session().counts()["processed"] == MANY_COUNT
