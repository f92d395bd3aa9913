"""Real allocations fail in a real worker: it takes fewer photos at once, and gives up on one only when it is alone."""

import os
import resource
import signal
from pathlib import Path

import pytest
from PIL import Image

from processing.models import ImageResult
from recovery.models import Crash, CrashType
from tests.crash.conftest import draw_folder, run_undisturbed
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, kill, until
from tests.crash.victim import Deed

pytestmark = [
    pytest.mark.kill,
    pytest.mark.vendor("sqlite"),
    pytest.mark.skipif(
        not hasattr(resource, "prlimit"), reason="Only Linux limits another process (prlimit)."
    ),
]

# So many that both large ones lie in one chunk of three.
SMALL_COUNT = 13
HUGE_PX = (10_000, 6_000)
HUGE = ("large-1.jpg", "large-2.jpg")
# One of the large photos takes 172 MiB to decode, two at once take 344.
ROOM_FOR_ONE, ROOM_FOR_NONE = 270, 60


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small photos and two large ones, which come last and go through the device together."""
    folder = draw_folder(tmp_path_factory.mktemp("large") / "photos", SMALL_COUNT)
    for number, name in enumerate(HUGE):
        Image.new("RGB", HUGE_PX, (120, 130, 140 + 40 * number)).save(folder / name, quality=92)
    return folder


@pytest.fixture(scope="session")
def ample(tmp_path_factory: pytest.TempPathFactory, large: Path) -> str:
    """What the same photos give where there is room enough."""
    return run_undisturbed(tmp_path_factory.mktemp("ample"), large)


def give_room(pids: list[int], worker: int, room_mb: int) -> None:
    """Let processes, and those that they start, grow no further than a worker is now and so many megabytes."""
    pages = int(Path(f"/proc/{worker}/statm").read_text().split()[0])
    limit_bytes = pages * resource.getpagesize() + room_mb * 2**20
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, resource.RLIM_INFINITY))


def start_limited(studio: Studio, *, room_mb: int, is_inherited: bool) -> None:
    """Start one worker, let it stop itself before the large photos, limit it, and let it go on."""
    freeze = Deed("processing.runner.judge_photos", "before", 3, "freeze")
    studio.process("--workers", "1", plan=[freeze], MALLOC_ARENA_MAX="1")
    until(lambda: freeze.was_done(studio.ledger))
    (worker,) = studio.laborers()
    until(lambda: _state_of(worker.pid) == "T")
    pids = [*studio.clusters(), worker.pid] if is_inherited else [worker.pid]
    give_room(pids, worker.pid, room_mb)
    kill(worker.pid, signal.SIGCONT)


def _state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="One core decodes one photo at a time anyway.")
def test_worker_takes_fewer_photos_at_once_when_there_is_room_for_one(
    studio: Studio, large: Path, ample: str
) -> None:
    studio.photos = large

    start_limited(studio, room_mb=ROOM_FOR_ONE, is_inherited=False)

    (run,) = studio.runs
    assert run.end() == 0, run.log()
    assert_exact(studio, ample)
    assert "out of memory, fewer photos at once" in run.logged()
    assert Crash.objects.count() == 0


def test_photo_is_judged_by_the_next_worker_when_there_was_no_room_for_it_alone(
    studio: Studio, large: Path, ample: str
) -> None:
    studio.photos = large

    start_limited(studio, room_mb=ROOM_FOR_NONE, is_inherited=False)

    (run,) = studio.runs
    assert run.end() == 0, run.log()
    assert_exact(studio, ample)
    crash = Crash.objects.get()
    assert (crash.crash_type, crash.interrupts) == (CrashType.OUT_OF_MEMORY, False)
    assert crash.photo in HUGE


def test_photos_are_named_and_all_others_judged_when_there_is_never_room_for_them(
    studio: Studio, large: Path, ample: str
) -> None:
    studio.photos = large

    start_limited(studio, room_mb=ROOM_FOR_NONE, is_inherited=True)

    (run,) = studio.runs
    assert run.end() == 3, run.log()
    aside = ImageResult.objects.filter(verdict="quarantined").in_order()
    assert [row.path_text for row in aside] == list(HUGE)
    assert_exact(studio, ample, quarantined=[row.position for row in aside])
    assert set(Crash.objects.values_list("crash_type", flat=True)) == {CrashType.OUT_OF_MEMORY}
