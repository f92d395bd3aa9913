"""An error of the system (errno is set) says nothing of a photo: at no seam it becomes a verdict."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from processing import tasks
from processing.analysis import colors, metadata
from processing.analysis import decode as decoding
from processing.analysis.decode import Limits, decode
from processing.analysis.records import PhotoRefused
from processing.models.batch import Photo
from processing.photos import read_photo
from processing.queue import SHARED_QUEUE
from processing.sources import Folder
from processing.states import Status, Verdict
from recovery.models import Checkpoint
from tests.analysis.pictures import draw_random, encode_image
from tests.slices import live_rows, refuse_to_open, scanned_session, work_off, worker_slice, write_photos

TROUBLES = (
    "EIO",
    "ENOSPC",
    "EMFILE",
    "ENFILE",
    "ESTALE",
    "ENOMEM",
    "ETIMEDOUT",
    "EBUSY",
    "EROFS",
    "EREMOTEIO",
)
THIS_FILES = ("ENOENT", "EACCES", "EPERM", "EISDIR", "ENAMETOOLONG")


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


def numbered(name: str) -> OSError:
    """Make the error that the system answers with."""
    return OSError(getattr(errno, name), os.strerror(getattr(errno, name)))


def raising(error: Exception) -> Callable[..., Any]:
    """Make a function that always raises."""

    def fail(*_args: object, **_options: object) -> None:
        raise error

    return fail


def photo_in(folder: Path) -> tuple[Folder, Photo]:
    """Draw one photo; give its source, and how a manifest names it."""
    write_photos(folder, 1)
    return Folder(os.fsencode(folder.resolve())), Photo(0, b"00.jpg", 1, 1)


@pytest.mark.parametrize("name", TROUBLES)
def test_error_of_the_system_is_raised_when_a_photo_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, photo = photo_in(tmp_path / "source")
    refuse_to_open(monkeypatch, "00.jpg", getattr(errno, name))

    with pytest.raises(OSError, match=f"Errno {getattr(errno, name)}"):
        read_photo(folder, photo)


@pytest.mark.parametrize("name", TROUBLES)
def test_error_of_the_system_is_raised_when_a_photo_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, photo = photo_in(tmp_path / "source")
    monkeypatch.setattr("processing.sources.read_all", raising(numbered(name)))

    with pytest.raises(OSError, match=f"Errno {getattr(errno, name)}"):
        read_photo(folder, photo)


@pytest.mark.parametrize("name", THIS_FILES)
def test_error_that_concerns_one_file_is_a_refusal_of_this_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, photo = photo_in(tmp_path / "source")
    refuse_to_open(monkeypatch, "00.jpg", getattr(errno, name))

    reading = read_photo(folder, photo)

    assert (reading.data, reading.verdict) == (None, Verdict.UNREADABLE)
    assert os.strerror(getattr(errno, name)) in reading.note


SEAMS: dict[str, tuple[object, str, Callable[[], object]]] = {
    "jpeg": (
        decoding.simplejpeg,
        "decode_jpeg",
        lambda: decode(encode_image(draw_random(), "JPEG"), Limits()),
    ),
    "pillow": (decoding.Image, "open", lambda: decode(encode_image(draw_random(), "PNG"), Limits())),
    "profile": (colors.ImageCms, "ImageCmsProfile", lambda: colors.name_profile(b"x")),
    "conversion": (colors.ImageCms, "ImageCmsProfile", lambda: colors.to_srgb(None, b"x")),
    "exif": (metadata.Image, "Exif", lambda: metadata.read_exif(b"x")),
}


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("name", TROUBLES)
def test_error_of_the_system_is_never_a_photos_verdict_when_a_decoder_meets_it(
    monkeypatch: pytest.MonkeyPatch, seam: str, name: str
) -> None:
    owner, attribute, decode_photo = SEAMS[seam]
    monkeypatch.setattr(owner, attribute, raising(numbered(name)))

    with pytest.raises(OSError, match=f"Errno {getattr(errno, name)}"):
        decode_photo()


@pytest.mark.parametrize("error", [OSError("broken data stream"), io.UnsupportedOperation("fileno")])
def test_decoders_own_error_without_a_number_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    monkeypatch.setattr(decoding.Image, "open", raising(error))

    with pytest.raises(PhotoRefused) as refused:
        decode(encode_image(draw_random(), "PNG"), Limits())

    assert refused.value.code == "unreadable"


@pytest.mark.django_db(transaction=True)
def test_session_fails_recoverably_and_goes_on_from_the_photo_when_a_decoder_met_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 3), checkpoint_interval=1)
    decode_jpeg, calls = decoding.simplejpeg.decode_jpeg, iter(range(3))

    def fail_at_second(*args: Any, **options: Any) -> Any:
        if next(calls, None) == 1:
            raise numbered("EMFILE")
        return decode_jpeg(*args, **options)

    monkeypatch.setattr(decoding.simplejpeg, "decode_jpeg", fail_at_second)

    with worker_slice() as work:
        monkeypatch.setattr(tasks, "_presence", work.presence)
        monkeypatch.setattr(tasks, "_queue_name", SHARED_QUEUE)
        monkeypatch.setattr(tasks, "pipeline", work.pipeline)
        monkeypatch.setattr(tasks, "decoders", lambda: work.decoders)
        monkeypatch.setattr(tasks, "writer", lambda: work.writer)
        tasks.run_lane(str(session.pk), 0)

    session.refresh_from_db()
    assert (session.status, live_rows(session, "position")) == (Status.FAILED, [0])
    assert session.last_error == "OSError: [Errno 24] Too many open files"
    emergency = Checkpoint.objects.get(session=session, checkpoint_type="emergency")
    assert (emergency.note, emergency.current_image_index) == (session.last_error, 1)
    session.recover()
    work_off(session)
    assert (session.status, live_rows(session, "verdict")) == (Status.COMPLETED, ["approved"] * 3)
