"""Thumbnails, crops and whole photos: to whom they are sent, as what, and what never gets out."""

import os
from pathlib import Path
from uuid import uuid4

import pytest
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from processing.models import ImageResult, ProcessingSession
from processing.originals import content_type_of
from processing.pictures import read_crop, read_thumbnail
from tests.analysis.pictures import draw_random, encode_image
from tests.people import make_user, signed_in
from tests.photos import write_photo
from tests.slices import scanned_session, work_off, write_photos

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ("thumbnails", "crops", "pictures")
POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
NOISY = 2


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two clean photos, a noisy one, a TIFF and a file that is none."""
    folder = write_photos(tmp_path / "source", 2)
    write_photo(folder / "02.jpg", width=640, height=400, seed=9, fault="noise")
    (folder / "03.tif").write_bytes(encode_image(draw_random(), "TIFF"))
    (folder / "04.jpg").write_bytes(b"<html><script>alert(1)</script>")
    return folder


@pytest.fixture
def judged(source: Path) -> ProcessingSession:
    """A session of Ines that has ended."""
    session = scanned_session(source, preset={"noise_max": 1.35}, owner=make_user("ines"))
    work_off(session)
    return session


@pytest.fixture
def browser(judged: ProcessingSession) -> Client:
    """The browser of Ines."""
    assert judged.owner is not None
    return signed_in(judged.owner)


def path_of(session: ProcessingSession, kind: str, position: object = NOISY) -> str:
    """Give the address of a picture; of a crop, that of its noise."""
    return f"/sessions/{session.pk}/{kind}/{position}" + ("?reason=noise" if kind == "crops" else "")


def asked(browser: Client, path: str) -> HttpResponseBase:
    """Ask for a picture and close it, as a server does with what it has sent."""
    answer = browser.get(path)
    answer.close()
    return answer


def body_of(response: object) -> bytes:
    """Read an answer, streamed or not."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    response.close()
    return body


def test_pictures_are_sent_to_the_owner_as_what_they_are(
    judged: ProcessingSession, browser: Client, source: Path
) -> None:
    row = ImageResult.objects.get(position=NOISY)

    answers = [browser.get(path_of(judged, kind)) for kind in KINDS]

    assert [body_of(one) for one in answers] == [
        read_thumbnail(row),
        read_crop(row, "noise"),
        (source / "02.jpg").read_bytes(),
    ]
    for answer in answers:
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        assert (answer["X-Content-Type-Options"], answer["Content-Security-Policy"]) == ("nosniff", POLICY)
        assert (answer["Cache-Control"], answer["Vary"]) == ("private, max-age=300", "Cookie")
        assert int(answer["Content-Length"]) > 500


def test_picture_that_the_browser_has_is_not_sent_again(judged: ProcessingSession, browser: Client) -> None:
    for kind in KINDS:
        etag = asked(browser, path_of(judged, kind))["ETag"]

        again = browser.get(path_of(judged, kind), headers={"If-None-Match": etag})

        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
        assert again["Cache-Control"] == "private, max-age=300"


def test_etags_differ_between_kinds_and_photos(judged: ProcessingSession, browser: Client) -> None:
    paths = [*(path_of(judged, kind) for kind in KINDS), path_of(judged, "thumbnails", 0)]

    etags = {asked(browser, path)["ETag"] for path in paths}

    assert len(etags) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_login_that_a_stranger_is_sent_to_is_never_kept(judged: ProcessingSession, kind: str) -> None:
    answer = Client().get(path_of(judged, kind))

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("kind", KINDS)
def test_other_people_learn_nothing_of_a_picture(judged: ProcessingSession, kind: str) -> None:
    other = signed_in(make_user("otto"))

    answers = [other.get(path_of(judged, kind, position)) for position in (NOISY, 99)]

    assert [one.status_code for one in answers] == [404, 404]
    assert [one["Cache-Control"] for one in answers] == ["no-store", "no-store"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", [99, 2**31, 2**63, 10**40, "-1", "x", "0%00", "..%2f..%2fetc%2fpasswd"])
def test_picture_of_no_photo_is_not_found(
    judged: ProcessingSession, browser: Client, kind: str, position: object
) -> None:
    assert browser.get(path_of(judged, kind, position)).status_code == 404


def test_picture_of_no_session_is_not_found(browser: Client) -> None:
    assert browser.get(f"/sessions/{uuid4()}/thumbnails/0").status_code == 404


@pytest.mark.parametrize(
    "query", ["", "?reason=", "?reason=overexposed", "?reason=../02", "?reason=%00", "?reason=" + "x" * 5000]
)
def test_crop_of_a_reason_that_has_none_is_not_found(
    judged: ProcessingSession, browser: Client, query: str
) -> None:
    assert browser.get(f"/sessions/{judged.pk}/crops/{NOISY}{query}").status_code == 404


@pytest.mark.parametrize("position", [3, 4], ids=["tiff", "html"])
def test_photo_that_no_browser_shows_is_not_sent(
    judged: ProcessingSession, browser: Client, position: int
) -> None:
    assert browser.get(path_of(judged, "pictures", position)).status_code == 404


def test_photo_that_could_not_be_decoded_has_no_thumbnail(judged: ProcessingSession, browser: Client) -> None:
    found = [browser.get(path_of(judged, "thumbnails", position)).status_code for position in range(5)]

    assert found == [200, 200, 200, 200, 404]


def test_photo_that_has_changed_is_not_sent(judged: ProcessingSession, browser: Client, source: Path) -> None:
    path = source / "02.jpg"
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))

    changed = browser.get(path_of(judged, "pictures")).status_code
    path.write_bytes(b"\xff\xd8\xff longer or shorter")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    resized = browser.get(path_of(judged, "pictures")).status_code

    assert (changed, resized) == (404, 404)


def test_session_reads_and_shows_nothing_more_when_its_source_is_no_longer_allowed(
    judged: ProcessingSession, browser: Client, source: Path, settings: Settings
) -> None:
    settings.STOCKPROOF_SOURCE_ROOTS = [source.parent]
    before = asked(browser, path_of(judged, "pictures")).status_code
    begun = scanned_session(source)
    settings.STOCKPROOF_SOURCE_ROOTS = [source.parent / "var"]

    after = asked(browser, path_of(judged, "pictures")).status_code
    work_off(begun)

    assert (before, after) == (200, 404)
    assert begun.status == "failed"
    assert "is outside the folders that sessions may read by now" in begun.last_error
    assert begun.results.count() == 0


def test_nothing_is_sent_when_a_link_has_taken_the_photos_place(
    judged: ProcessingSession, browser: Client, source: Path, tmp_path: Path
) -> None:
    photo, secret = source / "02.jpg", tmp_path / "secret.jpg"
    photo.rename(secret)
    photo.symlink_to(secret)

    linked = browser.get(path_of(judged, "pictures")).status_code
    photo.unlink()
    source.rename(tmp_path / "moved")
    secret.rename(tmp_path / "moved" / "02.jpg")
    source.symlink_to(tmp_path / "moved")
    below_link = browser.get(path_of(judged, "pictures")).status_code

    assert (linked, below_link) == (404, 404)


@pytest.mark.parametrize("what", ["gone", "pipe", "folder", "source"])
def test_nothing_is_sent_when_the_photo_is_no_file_any_more(
    judged: ProcessingSession, browser: Client, source: Path, what: str
) -> None:
    photo = source / "02.jpg"
    photo.rename(source / "other")
    if what == "pipe":
        os.mkfifo(photo)
    if what == "folder":
        photo.mkdir()
    if what == "source":
        source.rename(source.with_name("elsewhere"))

    assert browser.get(path_of(judged, "pictures")).status_code == 404


def test_superseded_photo_is_not_sent(judged: ProcessingSession, browser: Client) -> None:
    ImageResult.objects.filter(position=NOISY).update(superseded_by=1)

    assert [browser.get(path_of(judged, kind)).status_code for kind in KINDS] == [404, 404, 404]


def test_pictures_are_read_only(judged: ProcessingSession, browser: Client) -> None:
    assert [browser.post(path_of(judged, kind)).status_code for kind in KINDS] == [405, 405, 405]
    heads = [browser.head(path_of(judged, kind)) for kind in KINDS]
    assert [(head.status_code, body_of(head)) for head in heads] == [(200, b"")] * 3


def test_thumbnail_takes_few_queries(
    judged: ProcessingSession, browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        answer = browser.get(path_of(judged, "thumbnails"))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"\0\0\0 ftypavif", "image/avif"),
        (b"\0\0\0 ftypheic", None),
        (b"RIFF1234WAVE", None),
        (b"II*\0", None),
        (b"<svg xmlns=", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_only_pictures_that_browsers_show_have_a_type(head: bytes, expected: str | None) -> None:
    assert content_type_of(head) == expected
