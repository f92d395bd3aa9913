"""Each photo ends as one row, whatever became of its file between the scan and the reading."""

import errno
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from processing.states import Status, Verdict
from tests.photos import write_photo
from tests.slices import (
    HEIGHT_PX,
    WIDTH_PX,
    live_rows,
    refuse_to_open,
    scanned_session,
    work_off,
    write_photos,
)

pytestmark = pytest.mark.django_db(transaction=True)

CLOSED = "closed.jpg"


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


def draw(folder: Path, name: str, fault: str | None = None) -> None:
    """Draw one small photo."""
    write_photo(folder / name, width=WIDTH_PX, height=HEIGHT_PX, seed=len(name), fault=fault)


def row_of(source: Path, name: str) -> tuple[str, list[str], str]:
    """Judge the photos of a folder that are left; give verdict, reasons and note of one."""
    session = scanned_session(source)
    work_off(session)
    rows = {path: row for path, *row in live_rows(session, "path_text", "verdict", "reasons", "note")}
    verdict, reasons, note = rows[name]
    assert session.status == Status.COMPLETED
    return verdict, [reason["code"] for reason in reasons], note


@pytest.mark.parametrize(
    ("name", "fault", "verdict", "reason"),
    [
        ("a.jpg", None, Verdict.APPROVED, None),
        ("a.png", "png", Verdict.REJECTED, "not_jpeg"),
        ("a.jpg", "empty", Verdict.UNREADABLE, "unreadable"),
        ("a.jpg", "garbage", Verdict.UNREADABLE, "unreadable"),
        ("a.jpg", "cut", Verdict.REJECTED, "truncated"),
    ],
)
def test_photo_ends_with_the_verdict_of_what_its_bytes_are(
    tmp_path: Path, name: str, fault: str | None, verdict: Verdict, reason: str | None
) -> None:
    source = write_photos(tmp_path / "source", 0)
    draw(source, name, fault)

    found = row_of(source, name)

    assert found[:2] == (verdict, [] if reason is None else [reason])
    assert (found[2] == "") == (verdict != Verdict.UNREADABLE)


def test_each_photo_ends_as_one_row_when_files_change_after_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_photos(tmp_path / "source", 0)
    for name in ("a.jpg", CLOSED, "folder.jpg", "link.jpg", "pipe.jpg", "vanished.jpg", "sub/vanished.jpg"):
        (source / name).parent.mkdir(exist_ok=True)
        draw(source, name)
    (source / os.fsdecode(b"f\xff.jpg")).write_bytes((source / "a.jpg").read_bytes())
    with (source / "huge.jpg").open("wb") as huge:
        huge.truncate(200_000_001)
    session = scanned_session(source)
    for name in ("folder.jpg", "link.jpg", "pipe.jpg", "vanished.jpg", "sub/vanished.jpg"):
        (source / name).unlink()
    (source / "sub").rmdir()
    (source / "folder.jpg").mkdir()
    (source / "link.jpg").symlink_to(source / "a.jpg")
    os.mkfifo(source / "pipe.jpg")
    refuse_to_open(monkeypatch, CLOSED, errno.EACCES)

    work_off(session)

    gone, odd = "The file could not be opened: No such file or directory.", "It is no regular file any more."
    assert session.status == Status.COMPLETED
    assert live_rows(session, "position", "path_text", "decision", "note") == [
        (0, "a.jpg", "approved", ""),
        (1, CLOSED, "unreadable", "The file could not be opened: Permission denied."),
        (2, "folder.jpg", "unreadable", odd),
        (3, "f\\xff.jpg", "rejected", ""),
        (4, "huge.jpg", "rejected", ""),
        (5, "link.jpg", "unreadable", odd),
        (6, "pipe.jpg", "unreadable", odd),
        (7, "sub/vanished.jpg", "unreadable", gone),
        (8, "vanished.jpg", "unreadable", gone),
    ]
    assert [row["code"] for row in live_rows(session, "reasons")[4]] == ["file_too_big"]
    counts = session.counts()
    assert [counts[name] for name in ("processed", "approved", "rejected", "unreadable")] == [9, 1, 2, 6]


def test_row_says_what_file_was_read_when_it_changed_after_the_scan(tmp_path: Path) -> None:
    source = write_photos(tmp_path / "source", 1)
    session = scanned_session(source)
    write_photo(source / "00.jpg", width=WIDTH_PX, height=HEIGHT_PX, seed=3, fault="garbage")
    os.utime(source / "00.jpg", ns=(5, 5))

    work_off(session)

    assert live_rows(session, "size_bytes", "mtime_ns", "verdict") == [
        ((source / "00.jpg").stat().st_size, 5, "unreadable")
    ]
