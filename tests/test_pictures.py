"""The store of pictures: written before the verdicts, worth less than they are, never leading elsewhere."""

import json
import logging
import resource
import shutil
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EFBIG, ENOSPC
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from pytest_django import Settings

from processing.analysis.pipeline import Pipeline, Prepared
from processing.analysis.records import Exposure, Facts
from processing.models import Batch, ImageResult
from processing.pictures import (
    deserves_pictures,
    details_of,
    has_thumbnail,
    keep_pictures,
    read_crop,
    read_thumbnail,
    remove_session,
    try_to_keep_pictures,
)
from processing.runner import run_slice
from processing.states import Status
from tests.photos import draw_photo, encode_photo, write_photo
from tests.scans import Killed
from tests.slices import live_rows, scanned_session, work_off, worker_slice, write_photos

NAMES = ("details.json", "noise.jpg", "thumbnail.jpg")
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def var(settings: Settings, tmp_path: Path) -> Path:
    """A state folder."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """One noisy photo of 640 x 400."""
    pixels = draw_photo(width=640, height=400, seed=3, fault="noise")
    return Pipeline("cpu").prepare(encode_photo(pixels, seed=3))


def result_of(prepared: Prepared, *codes: str, **columns: object) -> ImageResult:
    """A row that is not stored."""
    values = {"session_id": uuid4(), "sha256": prepared.sha256, "width_px": 640, "height_px": 400}
    reasons = [{"code": code, "measured": 1.0, "limit": 0.5} for code in codes]
    return ImageResult(reasons=reasons, **(values | columns))


def keep(prepared: Prepared, result: ImageResult, facts: Facts | None = None) -> None:
    """Write a photo's pictures."""
    assert prepared.pictures is not None
    assert prepared.facts is not None
    keep_pictures(result, prepared.pictures, facts or prepared.facts)


def files_of(var: Path, session_id: UUID) -> list[str]:
    """List all files of a session's pictures, drafts too, without their folder."""
    folder = var / "pictures" / str(session_id)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_pictures_come_back_as_they_were_kept(prepared: Prepared, var: Path) -> None:
    result = result_of(prepared, "noise", "too_small")

    keep(prepared, result)

    sha256 = prepared.sha256
    assert files_of(var, result.session_id) == [f"{sha256[:2]}/{sha256}.{name}" for name in NAMES]
    assert prepared.pictures is not None
    assert read_thumbnail(result) == prepared.pictures.thumbnail
    crop = read_crop(result, "noise")
    assert crop is not None
    assert Image.open(BytesIO(crop)).size == (480, 400)
    details = details_of(result)
    assert details is not None
    assert details.histogram == prepared.pictures.histogram
    assert (list(details.spots), list(details.crops)) == (["noise"], ["noise"])
    assert details.crops["noise"][2:] == (480, 400)
    assert details.facts == {
        "camera": "Stockproof Drawn 1",
        "taken_at": "2026-05-01 08:03:00",
        "color_space": "sRGB",
        "format": "JPEG",
        "jpeg_quality": 90,
    }


def test_facts_of_the_camera_are_published_by_their_names(prepared: Prepared) -> None:
    result = result_of(prepared)
    facts = Facts("JPEG", 640, 400, 9, "sRGB", exposure=Exposure("50 mm", 0.005, 2.8, 400.0, 50.0))

    keep(prepared, result, facts)

    details = details_of(result)
    assert details is not None
    assert details.facts == {
        "lens": "50 mm",
        "shutter_s": 0.005,
        "aperture": 2.8,
        "iso": 400.0,
        "focal_mm": 50.0,
        "color_space": "sRGB",
        "format": "JPEG",
    }


@pytest.mark.parametrize("taken_at", ["yesterday", "2026:05:01", "", "2026-05-01 08:00:00"])
def test_instant_is_no_fact_when_it_is_none(prepared: Prepared, taken_at: str) -> None:
    result = result_of(prepared)

    keep(prepared, result, Facts("JPEG", 640, 400, 9, "sRGB", taken_at=taken_at))

    details = details_of(result)
    assert details is not None
    assert sorted(details.facts) == ["color_space", "format"]


def test_pictures_are_missing_when_none_were_kept(prepared: Prepared) -> None:
    result = result_of(prepared, "noise")

    found = (has_thumbnail(result), read_thumbnail(result), read_crop(result, "noise"), details_of(result))

    assert found == (False, None, None, None)


def test_file_without_bytes_is_no_thumbnail(prepared: Prepared, var: Path) -> None:
    result = result_of(prepared)
    keep(prepared, result)
    before = has_thumbnail(result)

    next(var.rglob("*.thumbnail.jpg")).write_bytes(b"")

    assert (before, has_thumbnail(result), read_thumbnail(result)) == (True, False, None)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"spots": 1}', '{"spots":{"a":[1]},"crops":{},"facts":{},"histogram":{}}'],
)
def test_details_are_none_when_their_file_is_damaged(prepared: Prepared, var: Path, text: str) -> None:
    result = result_of(prepared)
    keep(prepared, result)

    next(var.rglob("*.details.json")).write_text(text)

    assert details_of(result) is None


@pytest.mark.parametrize("sha256", ["", "..", "../../../../etc/passwd", "A" * 64, "a" * 64 + "\n", "\0" * 64])
def test_row_that_somebody_changed_leads_nowhere(prepared: Prepared, sha256: str) -> None:
    result = result_of(prepared, sha256=sha256)

    found = (deserves_pictures(result), has_thumbnail(result), read_thumbnail(result), details_of(result))

    assert found == (False, False, None, None)


@pytest.mark.parametrize("code", ["", "../noise", "thumbnail.jpg", "a/b", "\0", "x" * 41, "noise\n"])
def test_reason_that_is_no_word_leads_nowhere(prepared: Prepared, code: str) -> None:
    result = result_of(prepared, "noise")
    keep(prepared, result)

    assert read_crop(result, code) is None


def test_link_in_place_of_a_picture_is_not_followed(prepared: Prepared, var: Path, tmp_path: Path) -> None:
    result = result_of(prepared)
    keep(prepared, result)
    (tmp_path / "secret").write_text("SECRET-OUTSIDE")

    path = next(var.rglob("*.thumbnail.jpg"))
    path.unlink()
    path.symlink_to(tmp_path / "secret")

    assert read_thumbnail(result) is None


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """Let the system refuse longer files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_write_that_breaks_off_leaves_what_was_there_and_no_draft(prepared: Prepared, var: Path) -> None:
    result = result_of(prepared)
    keep(prepared, result)
    before = (files_of(var, result.session_id), read_thumbnail(result))
    assert prepared.pictures is not None
    assert prepared.facts is not None

    with files_at_most(1000):
        error = try_to_keep_pictures(result, prepared.pictures, prepared.facts)

    assert isinstance(error, OSError)
    assert error.errno == EFBIG
    assert (files_of(var, result.session_id), read_thumbnail(result)) == before


@pytest.mark.parametrize(
    ("total_bytes", "free_bytes", "is_kept"),
    [
        (10**12, 99_000_000, False),
        (10**12, 101_000_000, True),
        (10**8, 4_900_000, False),
        (10**8, 5_100_000, True),
    ],
)
def test_pictures_leave_the_last_of_the_disk_to_verdicts(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, total_bytes: int, free_bytes: int, *, is_kept: bool
) -> None:
    result = result_of(prepared)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(total_bytes, 0, free_bytes))
    assert prepared.pictures is not None
    assert prepared.facts is not None

    error = try_to_keep_pictures(result, prepared.pictures, prepared.facts)

    assert (has_thumbnail(result), getattr(error, "errno", None)) == (is_kept, None if is_kept else ENOSPC)


def test_removed_session_leaves_others_alone_and_may_be_removed_again(prepared: Prepared, var: Path) -> None:
    gone, stays = result_of(prepared), result_of(prepared)
    keep(prepared, gone)
    keep(prepared, stays)

    remove_session(gone.session_id)
    remove_session(gone.session_id)

    assert [path.name for path in (var / "pictures").iterdir()] == [str(stays.session_id)]
    assert has_thumbnail(stays)


@pytest.mark.django_db(transaction=True)
def test_worker_keeps_pictures_of_every_photo_that_was_decoded(tmp_path: Path) -> None:
    source = write_photos(tmp_path / "source", 3)
    (source / "03.jpg").write_bytes(b"no photo")
    write_photo(source / "04.jpg", width=640, height=400, seed=9, fault="noise")
    session = scanned_session(source, preset={"noise_max": 1.35})

    work_off(session)

    rows = list(ImageResult.objects.live().filter(session=session).in_order())
    assert session.status == Status.COMPLETED
    assert [has_thumbnail(row) for row in rows] == [deserves_pictures(row) for row in rows]
    assert [deserves_pictures(row) for row in rows] == [True, True, True, False, True]
    details = [details_of(row) for row in rows if deserves_pictures(row)]
    assert [list(one.crops) for one in details if one] == [[], [], [], ["noise"]]


@pytest.mark.django_db(transaction=True)
def test_full_disk_of_pictures_costs_no_verdict(
    tmp_path: Path, var: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 3), batch_size=3, checkpoint_interval=3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 10**12, 0))

    with caplog.at_level(logging.WARNING, "processing.runner"):
        work_off(session)

    assert (session.status, session.processed) == (Status.COMPLETED, 3)
    assert files_of(var, session.pk) == []
    lines = [vars(line) for line in caplog.records if line.getMessage() == "pictures not kept, verdicts are"]
    assert [line["images_count"] for line in lines] == [3]


@pytest.mark.django_db(transaction=True)
def test_folder_that_cannot_be_made_costs_no_verdict(tmp_path: Path, var: Path) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2))
    var.mkdir(exist_ok=True)
    (var / "pictures").write_text("in the way")

    work_off(session)

    assert (session.status, session.processed) == (Status.COMPLETED, 2)


@pytest.mark.django_db(transaction=True)
def test_death_between_pictures_and_commit_leaves_pictures_that_the_redo_writes_again(
    tmp_path: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 1))
    commit = Batch.commit

    def die(*_arguments: object) -> None:
        raise Killed

    monkeypatch.setattr(Batch, "commit", die)
    with worker_slice() as work, pytest.raises(Killed):
        run_slice(session.pk, work)
    orphans = files_of(var, session.pk)
    next(var.rglob("*.thumbnail.jpg")).write_bytes(b"half")
    monkeypatch.setattr(Batch, "commit", commit)
    work_off(session)

    assert (session.status, live_rows(session, "position")) == (Status.COMPLETED, [0])
    assert (len(orphans), files_of(var, session.pk)) == (2, orphans)
    assert read_thumbnail(ImageResult.objects.get()) != b"half"


def test_details_are_the_same_bytes_whenever_they_are_made(prepared: Prepared, var: Path) -> None:
    first, second = result_of(prepared, "noise"), result_of(prepared, "noise")

    keep(prepared, first)
    keep(prepared, second)

    texts = [path.read_text() for path in var.rglob("*.details.json")]
    assert texts[0] == texts[1]
    assert sorted(json.loads(texts[0])) == ["crops", "facts", "histogram", "spots"]


def test_pictures_are_for_the_owner_of_the_state_folder_alone(prepared: Prepared, var: Path) -> None:
    keep(prepared, result_of(prepared))

    folder = next(var.rglob("*.thumbnail.jpg")).parent

    assert oct(folder.stat().st_mode & 0o777) == "0o700"
