"""The disk of the photos is broken for a while: what cannot be read is no verdict on a photo."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from processing import recorder
from processing.models import ImageResult
from processing.states import Status
from recovery.models import Crash
from tests.crash.power import Disk, NoPowerCuts
from tests.crash.proof import assert_emergency_told, assert_exact
from tests.crash.studio import Studio, until

pytestmark = [pytest.mark.kill, pytest.mark.vendor("sqlite")]

# Of the image, what the file system needs to know the photos' names; what is in them lies behind.
NAMES_BYTES = 1024 * 1024


@dataclass
class Shelf:
    """Originals on a disk that can be broken and mended."""

    disk: Disk

    @property
    def photos(self) -> Path:
        """The folder of originals."""
        return self.disk.mount / "photos"

    def break_it(self) -> None:
        """Cut the end of the image off: what the kernel has not read yet, it never reads; names it still knows."""
        self._content = self.disk.image.read_bytes()
        with self.disk.image.open("rb+") as image:
            image.truncate(NAMES_BYTES)

    def mend(self) -> None:
        """Put the end of the image back in place."""
        with self.disk.image.open("rb+") as image:
            image.write(self._content)


@pytest.fixture
def shelf(studio: Studio, tmp_path: Path) -> Iterator[Shelf]:
    """The originals of an installation on a disk of their own, of whose contents nothing has been read yet."""
    try:
        disk = Disk(tmp_path / "shelf", size_mb=16)
    except NoPowerCuts as reason:
        pytest.skip(str(reason))
    shelf = Shelf(disk)
    try:
        shutil.copytree(studio.photos, shelf.photos)
        disk.unplug()
        disk.plug_in("ro")
        studio.photos = shelf.photos
        yield shelf
        studio.kill_everything()
    finally:
        disk.unplug()


def test_session_fails_and_goes_on_from_the_photo_when_its_disk_was_broken(
    studio: Studio, shelf: Shelf, undisturbed: str
) -> None:
    run = studio.process()
    until(ImageResult.objects.exists)

    shelf.break_it()
    exit_code = run.end()

    session, kept = studio.session(), set(ImageResult.objects.values_list("pk", flat=True))
    assert (exit_code, session.status) == (1, Status.FAILED), run.log()
    assert "cannot be read: Input/output error" in session.last_error
    assert ImageResult.objects.filter(verdict="unreadable").count() == 0
    assert_emergency_told(studio, session)
    shelf.mend()
    recovery = studio.recover().lines("recovery")[0]
    assert_exact(studio, undisturbed)
    assert (recovery["keep"], recovery["redo"]) == (len(kept), 0)
    assert kept <= set(ImageResult.objects.values_list("pk", flat=True))
    assert Crash.objects.count() == 0


@pytest.mark.long
def test_run_goes_on_by_itself_when_its_disk_was_broken_for_a_moment(
    studio: Studio, shelf: Shelf, undisturbed: str
) -> None:
    run = studio.process()
    until(ImageResult.objects.exists)

    shelf.break_it()
    until(lambda: any(tries_of(worker.token) for worker in studio.laborers()))
    shelf.mend()

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert Crash.objects.count() == 0


def tries_of(token: str) -> int:
    """Give which try a worker is at to read a photo; 0 when none was needed."""
    return recorder.read_flight(token).extra.get("source_tries", 0)
