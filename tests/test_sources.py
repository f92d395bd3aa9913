"""What a folder of photos is said to hold: real files, links, pipes, devices and mounts."""

import errno
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing import sources
from processing.models.skipped import SkipReason
from processing.sources import (
    Found,
    LeftOut,
    Passed,
    SourceGone,
)
from tests.folders import (
    SECRET,
    as_nobody,
    folder_of,
    found_paths,
    mount_inside,
    new_source,
    open_descriptors,
    outcome_with,
    put,
    reachable_folder,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return new_source(tmp_path)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


def test_walk_orders_by_the_bytes_of_the_whole_path(source: Path) -> None:
    put(source, "a0.jpg", "a/x.jpg", "a.jpg", "a-b.jpg", "a.jpg.d/x.jpg", "B.jpg", "\xe4.jpg")

    paths = found_paths(folder_of(source))

    assert paths == [
        b"B.jpg",
        b"a-b.jpg",
        b"a.jpg",
        b"a.jpg.d/x.jpg",
        b"a/x.jpg",
        b"a0.jpg",
        "\xe4.jpg".encode(),
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.sets(
        st.lists(st.text("a-.0~", min_size=1, max_size=3), min_size=1, max_size=3).map(tuple), max_size=12
    )
)
def test_walk_resumed_after_any_entry_gives_the_same_rest(trees: set[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for parts in trees:
            put(root, "/".join(f"x{part}" for part in parts) + ".jpg")
        put(root, "last.jpg")
        (root / "link").symlink_to("nowhere")

        steps = list(folder_of(root).steps())

        paths = [step.path for step in steps if not isinstance(step, Passed)]
        assert paths == sorted(paths)
        for number, step in enumerate(steps):
            assert list(folder_of(root).steps(step.path)) == steps[number + 1 :]


def test_walk_gives_size_and_mtime_of_each_photo(source: Path) -> None:
    put(source, "a.jpg", data=b"12345")
    os.utime(source / "a.jpg", ns=(7, 1_700_000_000_123_456_789))

    entries = list(folder_of(source).walk())

    assert entries == [Found(b"a.jpg", 5, 1_700_000_000_123_456_789)]


def test_walk_takes_the_published_endings_in_any_case(source: Path) -> None:
    photos = [
        "a.jpg",
        "b.JPEG",
        "c.Jpe",
        "d.jfif",
        "e.png",
        "f.TIF",
        "g.tiff",
        "h.webp",
        "i.HeiC",
        "j.heif",
        "k.avif",
    ]
    put(source, *photos, "jpg", "l.jpg.txt", "m.gif", "n.mov", "o.jpgx", "p.", "q.xmp")

    paths = found_paths(folder_of(source))

    assert paths == [name.encode() for name in photos]


def test_walk_ignores_hidden_files_and_folders(source: Path) -> None:
    put(source, ".a.jpg", ".hidden/b.jpg", "c/.d/e.jpg", "c/._f.jpg", "c/g.jpg")
    (source / ".link.jpg").symlink_to("c/g.jpg")

    entries = [entry.path for entry in folder_of(source).walk()]

    assert entries == [b"c/g.jpg"]


def test_walk_leaves_subfolders_alone_when_not_recursive(source: Path) -> None:
    put(source, "a/b.jpg", "c.jpg")

    steps = list(folder_of(source, recursive=False).steps())

    assert [step.path for step in steps] == [b"c.jpg"]


def test_walk_leaves_links_out_whatever_they_lead_to(source: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/x.jpg")
    put(source, "a.jpg")
    (source / "dangling.jpg").symlink_to("nowhere.jpg")
    (source / "folder").symlink_to(tmp_path / "outside")
    (source / "loop").symlink_to(source)
    (source / "photo.jpg").symlink_to("a.jpg")

    entries = list(folder_of(source).walk())

    assert [entry.path for entry in entries if isinstance(entry, Found)] == [b"a.jpg"]
    assert entries[1:] == [
        LeftOut(name, SkipReason.LINK) for name in (b"dangling.jpg", b"folder", b"loop", b"photo.jpg")
    ]


def test_walk_leaves_pipes_and_sockets_out_when_named_like_photos(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    os.mkfifo("pipe.jpg")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.bind("socket.jpg")
        other.bind("socket")

        entries = list(folder_of(source).walk())

    assert entries == [LeftOut(b"pipe.jpg", SkipReason.FIFO), LeftOut(b"socket.jpg", SkipReason.SOCKET)]


def test_walk_leaves_devices_out(source: Path) -> None:
    try:
        os.mknod(source / "device.jpg", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device needs the rights of root")

    entries = list(folder_of(source).walk())

    assert entries == [LeftOut(b"device.jpg", SkipReason.DEVICE)]


def test_walk_names_a_folder_that_cannot_be_read(open_to_all: Path) -> None:
    put(open_to_all, "closed/a.jpg", "closed-b.jpg")
    (open_to_all / "closed").chmod(0)

    entries = as_nobody(open_to_all, lambda: list(folder_of(open_to_all).walk()))

    (open_to_all / "closed").chmod(0o755)
    assert isinstance(entries, list)
    assert [entry.path for entry in entries] == [b"closed-b.jpg", b"closed/"]
    assert entries[1] == LeftOut(b"closed/", SkipReason.UNREADABLE_FOLDER)


def test_walk_lists_photos_of_a_folder_that_it_may_not_search(open_to_all: Path) -> None:
    put(open_to_all, "half/a.jpg", data=b"1")
    (open_to_all / "half").chmod(0o444)

    entries = as_nobody(open_to_all, lambda: list(folder_of(open_to_all).walk()))

    (open_to_all / "half").chmod(0o755)
    assert entries == [Found(b"half/a.jpg", 0, 0)]


def test_walk_ends_when_a_folder_is_mounted_inside_itself(source: Path) -> None:
    put(source, "a/b/c.jpg", "d.jpg")
    before = open_descriptors()

    with ThreadPoolExecutor(1, initializer=mount_inside, initargs=(source, source / "a/b")) as thread:
        try:
            entries = thread.submit(lambda: list(folder_of(source).walk())).result()
        except BrokenThreadPool:
            pytest.skip("mounting needs Linux and the rights of root")

    assert [entry.path for entry in entries] == [b"a/b/", b"d.jpg"]
    assert entries[0] == LeftOut(b"a/b/", SkipReason.TOO_DEEP)
    assert open_descriptors() == before


def test_walk_keeps_names_that_are_not_utf8(source: Path) -> None:
    name = b"caf\xe9.jpg"
    try:
        (source / os.fsdecode(name)).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")

    paths = found_paths(folder_of(source))

    assert paths == [name]
    assert folder_of(source).read(name, bytes_max=9).data == b"1"


def test_walk_never_enters_our_own_folders(source: Path) -> None:
    put(source, "a/approved/b.jpg", "a/approved2/c.jpg", "var/d.jpg")

    own = (os.fsencode(source / "a" / "approved"), os.fsencode(source / "a" / ".." / "var"))
    steps = list(folder_of(source, left_out=own).steps())

    assert [step.path for step in steps] == [b"a/approved2/c.jpg", b"a/approved2/", b"a/"]


def test_walk_enters_an_own_folder_that_is_the_source_itself(source: Path) -> None:
    put(source, "a.jpg")

    paths = found_paths(folder_of(source, left_out=(os.fsencode(source), os.fsencode(source.parent))))

    assert paths == [b"a.jpg"]


def test_walk_stops_at_the_depth_limit_and_reads_down_to_it(source: Path) -> None:
    deepest = "/".join(["d"] * sources.FOLDER_DEPTH_MAX)
    put(source, f"{deepest}/a.jpg", f"{deepest}/e/b.jpg", data=b"1")

    entries = list(folder_of(source).walk())

    assert [entry.path for entry in entries] == [f"{deepest}/a.jpg".encode(), f"{deepest}/e/".encode()]
    assert entries[1] == LeftOut(f"{deepest}/e/".encode(), SkipReason.TOO_DEEP)
    assert folder_of(source).read(entries[0].path, bytes_max=9).data == b"1"


def test_walk_keeps_the_place_of_a_photo_that_vanishes_meanwhile(source: Path) -> None:
    put(source, "a.jpg", "b.jpg", "c/d.jpg", "e.jpg", data=b"1")
    (source / "notes").symlink_to("a.jpg")
    entries = folder_of(source).walk()
    first = next(entries)
    (source / "b.jpg").unlink()
    (source / "c" / "d.jpg").unlink()
    (source / "c").rmdir()
    (source / "e.jpg").unlink()
    (source / "e.jpg").symlink_to("a.jpg")
    (source / "notes").unlink()
    put(source, "notes")

    rest = list(entries)

    assert first.path == b"a.jpg"
    assert rest == [Found(b"b.jpg", 0, 0), LeftOut(b"e.jpg", SkipReason.LINK)]


def test_walk_never_follows_a_folder_that_becomes_a_link(source: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/secret.jpg")
    put(source, "a.jpg", "b/c.jpg")
    entries = folder_of(source).walk()
    next(entries)
    (source / "b" / "c.jpg").unlink()
    (source / "b").rmdir()
    (source / "b").symlink_to(tmp_path / "outside")

    rest = list(entries)

    assert rest == [LeftOut(b"b/", SkipReason.UNREADABLE_FOLDER)]


def test_walk_closes_its_descriptors_when_abandoned(source: Path) -> None:
    put(source, "a/b/c.jpg", "a/b/d.jpg")
    before = open_descriptors()
    entries = folder_of(source).walk()
    next(entries)
    during = open_descriptors()

    entries.close()

    assert during == before + 3
    assert open_descriptors() == before


@pytest.mark.parametrize("change", ["missing", "empty", "file", "link", "link on the way"])
def test_walk_and_read_say_that_the_source_is_gone(tmp_path: Path, change: str) -> None:
    home = tmp_path.resolve()
    put(home, "elsewhere/source/a.jpg", data=SECRET)
    root = home / "disk" / "source"
    if change != "missing":
        root.parent.mkdir()
    if change == "empty":
        root.mkdir()
    elif change == "file":
        root.write_bytes(b"")
    elif change == "link":
        root.symlink_to(home / "elsewhere" / "source")
    elif change == "link on the way":
        root.parent.rmdir()
        root.parent.symlink_to(home / "elsewhere")
    before = open_descriptors()

    with pytest.raises(SourceGone, match=r"The source .*disk/source cannot be read: .*\. Mount it"):
        list(folder_of(root).walk())
    with pytest.raises(SourceGone):
        folder_of(root).read(b"a.jpg", bytes_max=99)
    with pytest.raises(SourceGone):
        folder_of(root).stat(b"b/a.jpg")

    assert folder_of(root).has_photo() is False
    assert open_descriptors() == before


def test_walk_and_read_blame_nothing_on_the_folder_when_descriptors_run_out(source: Path) -> None:
    put(source, "a/b/c.jpg", data=b"1")
    whole = found_paths(folder_of(source))
    before = open_descriptors()

    walks = [outcome_with(free, lambda: found_paths(folder_of(source))) for free in range(9)]
    reads = [
        outcome_with(free, lambda: folder_of(source).read(b"a/b/c.jpg", bytes_max=9).data)
        for free in range(9)
    ]

    assert [walk for walk in walks if walk not in (errno.EMFILE, whole)] == []
    assert [read for read in reads if read not in (errno.EMFILE, b"1")] == []
    assert (walks[0], walks[-1], reads[0], reads[-1]) == (errno.EMFILE, whole, errno.EMFILE, b"1")
    assert open_descriptors() == before


def test_has_photo_is_false_when_there_are_only_other_things(source: Path) -> None:
    put(source, "notes.txt", ".hidden.jpg")
    (source / "link.jpg").symlink_to("notes.txt")
    before = folder_of(source).has_photo()
    put(source, "z/photo.jpg")

    after = folder_of(source).has_photo()

    assert (before, after) == (False, True)
