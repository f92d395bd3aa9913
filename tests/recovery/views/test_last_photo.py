"""The photo that was in work when a session was interrupted: how pages show it, and to whom its file is sent."""

import os
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from processing import originals
from processing.models import Batch, ImageResult, ProcessingSession
from processing.pictures import THUMBNAIL, _path
from recovery.models import Crash
from tests.people import address, asked_by_htmx, make_user, signed_in
from tests.recovery.sources import lay
from tests.recovery.views.scenes import recovery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
JPEG = b"\xff\xd8\xff\xe0 and more"
POSITION = 10


@pytest.fixture
def photo(session: ProcessingSession) -> Path:
    """The file of the eleventh photo, which had no verdict when the power failed."""
    path = Path(session.source) / f"{POSITION:06d}.jpg"
    mtime_ns = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.write(JPEG)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    in_work(session, path.name)
    return path


def in_work(session: ProcessingSession, name: str, batch: object = None) -> None:
    """Let a photo of the open batch be the one in work."""
    opened = Batch.objects.get(session=session, first_position=8)
    Crash.objects.update(photo=name, facts={"batch": opened.pk if batch is None else batch})


def shown(client: Client, session: ProcessingSession) -> str:
    """Give what the page of the recovery shows of the photo."""
    page = client.get(recovery(session)).content.decode()
    return page.partition('<figure id="last-photo"')[2].partition("</figure>")[0]


def test_page_shows_the_photo_itself_when_it_has_no_verdict(
    ines: Client, session: ProcessingSession, photo: Path
) -> None:
    figure = shown(ines, session)
    sent = ines.get(address(session, f"pictures/{POSITION}").rstrip("/"))

    assert f'<img src="/sessions/{session.pk}/pictures/{POSITION}"' in figure
    assert 'alt="The photo that was in work"' in figure
    assert "000010.jpg" in figure
    assert (sent.status_code, sent["Content-Type"]) == (200, "image/jpeg")
    assert b"".join(sent.streaming_content) == photo.read_bytes()
    sent.close()


def test_page_shows_the_thumbnail_when_the_photo_has_a_verdict(
    ines: Client, session: ProcessingSession
) -> None:
    in_work(session, "000009.jpg")

    figure = shown(ines, session)

    assert f'<img src="/sessions/{session.pk}/thumbnails/9"' in figure


def test_page_shows_only_the_name_when_a_judged_photo_has_no_picture(
    ines: Client, session: ProcessingSession
) -> None:
    in_work(session, "000009.jpg")
    _path(ImageResult.objects.get(position=9), THUMBNAIL).unlink()

    figure = shown(ines, session)

    assert ("<img" in figure, "000009.jpg" in figure) == (False, True)


@pytest.mark.parametrize("what", ["gone", "changed", "no picture", "too large"])
def test_page_shows_only_the_name_when_the_file_cannot_be_sent(
    ines: Client, session: ProcessingSession, photo: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "gone":
        photo.unlink()
    if what == "changed":
        os.utime(photo, ns=(0, 0))
    if what == "no picture":
        lay(photo.with_name("000011.jpg"), 1011, photo.stat().st_mtime_ns + 1)
        in_work(session, "000011.jpg")
    if what == "too large":
        monkeypatch.setattr(originals, "LISTED_BYTES_MAX", photo.stat().st_size - 1)

    figure = shown(ines, session)

    assert ("<img" in figure, ".jpg" in figure) == (False, True)
    assert ines.get(f"/sessions/{session.pk}/pictures/{POSITION}").status_code == 404


@pytest.mark.parametrize("batch", [0, "2", [2], 2**70])
def test_page_shows_only_the_name_when_no_batch_leads_to_the_photo(
    ines: Client, session: ProcessingSession, photo: Path, batch: object
) -> None:
    in_work(session, photo.name, batch)

    figure = shown(ines, session)

    assert ("<img" in figure, photo.name in figure) == (False, True)


def test_dialog_names_the_photo_at_once_and_shows_it_after_the_look(
    ines: Client, session: ProcessingSession, photo: Path, settings: Settings
) -> None:
    dialog = ines.post("/recovery/dialog/", headers={"HX-Request": "true"}).content.decode()
    part = asked_by_htmx(ines, recovery(session, "?part=ways")).content.decode()

    assert ('<figure id="last-photo">' in dialog, photo.name in dialog) == (True, True)
    assert "<img" not in dialog
    assert '<figure id="last-photo" hx-swap-oob="true">' in part
    assert f'<img src="/sessions/{session.pk}/pictures/{POSITION}"' in part


def test_no_other_photo_without_a_verdict_is_sent_and_none_to_others(
    ines: Client, session: ProcessingSession, photo: Path
) -> None:
    path = f"/sessions/{session.pk}/pictures/"

    assert ines.get(f"{path}{POSITION + 1}").status_code == 404
    assert signed_in(make_user("otto")).get(f"{path}{POSITION}").status_code == 404
