"""Missing pictures: found as one problem that makes nothing unsafe, made again from photos that are unchanged."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from pytest_django import Settings

from processing.models import ImageResult, ProcessingSession
from processing.pictures import has_thumbnail, read_crop, read_thumbnail
from processing.proof import prove
from recovery.deletion import delete_session
from recovery.findings import Finding
from recovery.integrity import Tally, verify
from tests.commands.running import run
from tests.photos import write_photo
from tests.slices import scanned_session, work_off, write_photos

pytestmark = pytest.mark.django_db(transaction=True)

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path) -> Path:
    """A state folder."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two clean photos, a noisy one, and a file that is none."""
    folder = write_photos(tmp_path / "source", 2)
    write_photo(folder / "02.jpg", width=640, height=400, seed=9, fault="noise")
    (folder / "03.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture
def session(source: Path) -> ProcessingSession:
    """A completed session."""
    made = scanned_session(source, preset={"noise_max": 1.35})
    work_off(made)
    return made


def rows_of(session: ProcessingSession) -> list[ImageResult]:
    """Give the live rows, in order of position."""
    return list(ImageResult.objects.live().filter(session=session).in_order())


def pictures_of(session: ProcessingSession) -> list[tuple[bytes | None, bytes | None]]:
    """Give thumbnail and crop of each photo."""
    return [(read_thumbnail(row), read_crop(row, "noise")) for row in rows_of(session)]


def codes_of(found: list[Finding]) -> list[tuple[str, bool]]:
    """Give the words of what was found, and whether it can be repaired."""
    return [(finding.code, finding.repairable) for finding in found]


def test_missing_pictures_are_one_finding_that_makes_nothing_unsafe(
    session: ProcessingSession, var: Path
) -> None:
    before, tally = codes_of(list(verify(session))), Tally()
    for path in list(var.rglob("*.thumbnail.jpg"))[:2]:
        path.write_bytes(b"")
    first = next(row for row in rows_of(session) if not has_thumbnail(row))

    found = list(verify(session, tally=tally))

    assert before == []
    assert codes_of(found) == [("missing_thumbnail", True)]
    named = f"photo {first.position} ({first.path_text})"
    assert found[0].text == f"2 photos have no thumbnail; the first is {named}."
    assert (tally.verdict, tally.is_safe_now, tally.findings) == ("safe", True, 1)


def test_repair_makes_missing_pictures_again_and_changes_nothing_else(
    session: ProcessingSession, var: Path
) -> None:
    before = pictures_of(session)
    shutil.rmtree(var / "pictures")
    tally = Tally()

    found = list(verify(session, repair=True, tally=tally))

    assert codes_of(found) == [("missing_thumbnail", True)]
    assert (tally.repaired, tally.mended, tally.verdict) == (0, 1, "safe")
    assert pictures_of(session) == before
    assert [crop is not None for _, crop in before] == [False, False, True, False]
    assert prove(session).holds
    assert list(verify(session)) == []


def test_repair_says_which_pictures_it_cannot_make_again(
    session: ProcessingSession, source: Path, var: Path
) -> None:
    shutil.rmtree(var / "pictures")
    (source / "00.jpg").unlink()
    write_photo(source / "01.jpg", width=320, height=240, seed=77)
    tally = Tally()

    found = list(verify(session, repair=True, tally=tally))

    assert found[-1].text == (
        "2 thumbnails could not be made again: the photo is gone or has changed, "
        "or there is no room on the disk; the first is photo 0 (00.jpg)."
    )
    assert codes_of(found[-2:]) == [("missing_thumbnail", True), ("missing_thumbnail", False)]
    assert [has_thumbnail(row) for row in rows_of(session)] == [False, False, True, False]
    assert (tally.mended, tally.verdict, tally.is_safe_now) == (0, "safe", True)


def test_repair_goes_on_when_the_source_is_gone_or_the_disk_is_full(
    session: ProcessingSession, source: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(var / "pictures")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 10**12, 0))
    full = codes_of(list(verify(session, repair=True)))
    source.rename(source.with_name("elsewhere"))

    gone = codes_of(list(verify(session, repair=True)))

    missing = [("missing_thumbnail", True), ("missing_thumbnail", False)]
    assert (full, gone) == (missing, [("source_unreadable", False), *missing])


def test_verify_repair_tells_people_that_pictures_were_made_again(
    session: ProcessingSession, var: Path
) -> None:
    shutil.rmtree(var / "pictures")

    printed = run("verify", str(session.pk), "--repair")

    assert printed.out.splitlines()[0] == "3 photos have no thumbnail; the first is photo 0 (00.jpg)."
    assert printed.out.endswith("1 problems found. It is safe to go on: 1 problems were repaired.\n")


def test_photo_of_a_superseded_result_needs_no_picture(session: ProcessingSession, var: Path) -> None:
    shutil.rmtree(var / "pictures")
    ImageResult.objects.filter(session=session).update(superseded_by=1)

    assert "missing_thumbnail" not in [finding.code for finding in verify(session)]


def test_deleted_session_takes_its_pictures_along(
    session: ProcessingSession, tmp_path: Path, var: Path
) -> None:
    other = scanned_session(write_photos(tmp_path / "other", 1))
    work_off(other)

    delete_session(session, by="ada")

    assert [path.name for path in (var / "pictures").iterdir()] == [str(other.pk)]
