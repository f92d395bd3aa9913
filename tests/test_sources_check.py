"""Which folders sessions may read, and how paths appear as text."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing.sources import (
    SourceRefused,
    check_source,
    path_text,
)
from tests.folders import as_nobody, new_source, put, reachable_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return new_source(tmp_path)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


def test_check_source_gives_the_real_path(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.parent / "link").symlink_to(source)
    monkeypatch.chdir(source.parent)
    real = os.fsencode(source)

    given = [check_source(name, []) for name in (source, str(source), "source", "link", "source/../link/")]

    assert given == [real] * 5
    assert check_source("link", [source.parent / "link"]) == real
    assert check_source(source, [Path("/")]) == real


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is not a path. Give the path"),
        ("a\0b", "is not a path. Give the path"),
        ("\ud800", "cannot be encoded"),
        ("missing", "does not exist. Check"),
        ("file.jpg", "is not a folder. Give the folder"),
        ("file.jpg/x", "is not a folder. Give the folder"),
        ("x" * 300, "cannot be read: File name too long. Check"),
        ("loop", "cannot be read: .*symbolic links. Check"),
    ],
)
def test_check_source_says_what_is_wrong(
    source: Path, monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    put(source, "file.jpg")
    (source / "loop").symlink_to("loop")
    monkeypatch.chdir(source)

    with pytest.raises(SourceRefused, match=sentence):
        check_source(name, [])


def test_check_source_says_that_a_folder_cannot_be_read(open_to_all: Path) -> None:
    closed = open_to_all / "closed"
    closed.mkdir(mode=0)

    def refuse() -> str:
        with pytest.raises(SourceRefused) as caught:
            check_source(closed, [])
        return str(caught.value)

    sentence = as_nobody(open_to_all, refuse)

    assert (
        sentence == f"The source {closed} cannot be read by this user. Give this user the right to list it."
    )


@pytest.mark.parametrize(
    "name", ["outside", "allowed/../outside", "allowed/way", "allowed-too", "nothing/there", ".", "/"]
)
def test_check_source_refuses_what_is_outside_the_allowed_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for folder in ("outside", "allowed", "allowed-too"):
        (tmp_path / folder).mkdir()
    (tmp_path / "allowed" / "way").symlink_to(tmp_path / "outside")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceRefused, match="is outside the folders that sessions may read"):
        check_source(name, [tmp_path / "allowed"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"a/b.jpg", "a/b.jpg"),
        ("\xe4\U0001f4f7.jpg".encode(), "\xe4\U0001f4f7.jpg"),
        (b"caf\xe9.jpg", "caf\\xe9.jpg"),
        (b"\xed\xa0\x80.jpg", "\\xed\\xa0\\x80.jpg"),
        (b"a\0b", "a\\x00b"),
    ],
)
def test_path_text_shows_any_bytes_as_text(path: bytes, text: str) -> None:
    shown = path_text(path)

    assert shown == text
    assert shown.encode().decode() == text
