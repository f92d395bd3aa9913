"""How one photo is read: never through a link, never more than the limit, never with a wait."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing.sources import (
    FileTooBig,
    Folder,
    NotRegular,
)
from tests.folders import SECRET, as_nobody, folder_of, new_source, open_descriptors, put, reachable_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return new_source(tmp_path)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


def test_read_gives_bytes_size_and_mtime(source: Path) -> None:
    data = os.urandom(200_000)
    put(source, "a/b.jpg", data=data)
    os.utime(source / "a" / "b.jpg", ns=(7, 1_700_000_000_123_456_789))

    content = folder_of(source).read(b"a/b.jpg", bytes_max=200_000)

    assert (content.data, content.size_bytes, content.mtime_ns) == (data, 200_000, 1_700_000_000_123_456_789)
    assert folder_of(source).stat(b"a/b.jpg") == (200_000, 1_700_000_000_123_456_789)


def test_read_gives_no_bytes_when_the_file_is_empty(source: Path) -> None:
    put(source, "a.jpg")

    content = folder_of(source).read(b"a.jpg", bytes_max=9)

    assert (content.data, content.size_bytes) == (b"", 0)


def test_read_refuses_a_file_that_is_too_big_before_reading_it(source: Path) -> None:
    with (source / "sparse.jpg").open("wb") as file:
        file.truncate(10 * 1024**4)

    with pytest.raises(FileTooBig, match="at most 9 are read") as caught:
        folder_of(source).read(b"sparse.jpg", bytes_max=9)

    assert caught.value.size_bytes == 10 * 1024**4


def test_read_never_takes_more_than_the_limit_when_the_size_was_a_lie() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux has files that say they are empty and are not")

    with pytest.raises(FileTooBig) as caught:
        Folder(b"/proc").read(f"{os.getpid()}/status".encode(), bytes_max=9)

    assert caught.value.size_bytes == 10


@pytest.mark.parametrize(
    ("path", "number"),
    [(b"none.jpg", errno.ENOENT), (b"a/none.jpg", errno.ENOENT), (b"x" * 300, errno.ENAMETOOLONG)],
)
def test_read_keeps_what_the_file_system_said(source: Path, path: bytes, number: int) -> None:
    put(source, "a/b.jpg")

    with pytest.raises(OSError, match=r"Errno") as read:
        folder_of(source).read(path, bytes_max=9)
    with pytest.raises(OSError, match=r"Errno") as looked:
        folder_of(source).stat(path)

    assert (read.value.errno, looked.value.errno) == (number, number)


def test_read_keeps_what_the_file_system_said_when_it_was_refused(open_to_all: Path) -> None:
    put(open_to_all, "closed.jpg")
    (open_to_all / "closed.jpg").chmod(0)

    def read() -> int | None:
        with pytest.raises(PermissionError) as caught:
            folder_of(open_to_all).read(b"closed.jpg", bytes_max=9)
        return caught.value.errno

    assert as_nobody(open_to_all, read) == errno.EACCES


def test_read_passes_folders_that_it_may_search_but_not_list(open_to_all: Path) -> None:
    if not hasattr(os, "O_PATH"):
        pytest.skip("only Linux opens a folder without the right to list it")
    put(open_to_all, "way/photos/a.jpg", data=b"1")
    (open_to_all / "way").chmod(0o711)

    data = as_nobody(
        open_to_all, lambda: folder_of(open_to_all / "way/photos").read(b"a.jpg", bytes_max=9).data
    )

    assert data == b"1"


@pytest.mark.parametrize(
    "path", [b"link.jpg", b"folder.jpg", b"pipe.jpg", b"socket.jpg", b"way/secret.jpg", b"file.jpg/x.jpg"]
)
def test_read_refuses_what_is_no_regular_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    put(tmp_path, "outside/secret.jpg", data=SECRET)
    put(source, "file.jpg")
    (source / "link.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (source / "way").symlink_to(tmp_path / "outside")
    (source / "folder.jpg").mkdir()
    os.mkfifo(source / "pipe.jpg")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.jpg")
    before = open_descriptors()

    with pytest.raises(NotRegular, match="is not a regular file any more"):
        folder_of(source).read(path, bytes_max=99)
    with pytest.raises(NotRegular):
        folder_of(source).stat(path)

    assert open_descriptors() == before


@pytest.mark.parametrize(
    "path", [b"../outside.jpg", b"a/../../outside.jpg", b"/etc/passwd", b"a//b.jpg", b"./a.jpg", b""]
)
def test_read_refuses_a_path_that_the_scan_never_gave(source: Path, path: bytes) -> None:
    put(source.parent, "outside.jpg", data=SECRET)
    put(source, "a/b.jpg", "a.jpg")

    with pytest.raises(NotRegular):
        folder_of(source).read(path, bytes_max=99)


def test_read_never_gives_a_secret_when_names_are_swapped_meanwhile(source: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/a.jpg", data=SECRET)
    put(source, "photos/a.jpg", "spare/a.jpg", data=b"photo")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (source / "new").symlink_to(tmp_path / "outside" / "a.jpg")
            (source / "new").replace(source / "photos" / "a.jpg")
            (source / "photos").rename(source / "away")
            (source / "photos").symlink_to(tmp_path / "outside")
            (source / "photos").unlink()
            (source / "away").rename(source / "photos")
            (source / "new").write_bytes(b"photo")
            (source / "new").replace(source / "photos" / "a.jpg")

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes: dict[object, int] = {}
    try:
        while len(outcomes) < 3 or sum(outcomes.values()) < 2_000:
            outcome = read_outcome(folder_of(source))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            assert sum(outcomes.values()) < 1_000_000
    finally:
        stop.set()
        swapper.join()

    assert set(outcomes) == {b"photo", NotRegular, FileNotFoundError}


def read_outcome(folder: Folder) -> object:
    try:
        return folder.read(b"photos/a.jpg", bytes_max=99).data
    except (NotRegular, FileNotFoundError) as error:
        return type(error)
