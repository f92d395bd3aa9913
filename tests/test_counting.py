"""The dry count: a folder is counted a little at a time, and what a page keeps cannot be made up."""

import os
from pathlib import Path

import pytest

from processing.counting import CountLost, DryCount
from processing.sources import SourceGone
from processing.starting import count_on, summary_of
from tests.folders import new_source, put

RULES = {"formats": ["JPEG"]}


def begin(root: Path) -> DryCount:
    """Begin a count of a folder and those inside it."""
    return DryCount.begin(os.fsencode(root), recursive=True)


def test_count_names_formats_sizes_and_what_is_left_out(tmp_path: Path) -> None:
    source = new_source(tmp_path)
    put(source, "a.jpg", "b/c.JPEG", "b/d.png", "note.txt", data=b"12345")
    (source / "e.jpg").symlink_to(source / "a.jpg")

    count = begin(source).go_on()

    assert count.by_format == {"JPEG": 2, "PNG": 1}
    assert (count.photos_count, count.bytes_count, count.left_out_count) == (3, 15, 1)
    assert count.is_done
    assert count.doomed_formats(RULES) == {"PNG"}


def test_count_is_the_same_when_it_stops_after_every_entry(tmp_path: Path) -> None:
    source = new_source(tmp_path)
    put(source, "a.jpg", "b/c.jpg", "b/d/e.tif", "f.webp", "g/h.jpg", data=b"123")
    at_once = begin(source).go_on()

    count = begin(source)
    requests = 0
    while not count.is_done:
        count = DryCount.read(count.go_on(budget_s=0).kept())
        requests += 1

    assert requests > 5
    assert (count.endings, count.bytes_count) == (at_once.endings, at_once.bytes_count)


def test_count_is_refused_when_it_was_not_made_here(tmp_path: Path) -> None:
    text = begin(new_source(tmp_path)).kept()

    with pytest.raises(CountLost):
        DryCount.read(text[:-1] + ("A" if text[-1] != "A" else "B"))


def test_count_raises_when_the_folder_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceGone):
        begin(tmp_path / "nowhere").go_on()


def test_panel_says_in_a_sentence_that_the_folder_is_gone(tmp_path: Path) -> None:
    panel = count_on(begin(tmp_path / "nowhere"), RULES)

    assert panel.count is None
    assert "nowhere" in panel.trouble


@pytest.mark.parametrize(
    ("rules", "summary"),
    [
        ({}, ""),
        (
            {"formats": ["JPEG"], "color_spaces": ["sRGB"], "min_megapixels": 4, "max_megapixels": 100},
            "JPEG, sRGB, 4 to 100 MP",
        ),
        ({"min_megapixels": 2.5, "noise_max": 3}, "at least 2.5 MP; noise"),
        ({"max_megapixels": 50, "max_bytes": 45_000_000}, "at most 50 MP, at most 45\u00a0MB"),
        (
            {"focus_min": 0.2, "blockiness_max": 3, "jpeg_quality_min": 4},
            "out of focus, compression artifacts",
        ),
    ],
)
def test_summary_says_the_rules_in_a_line(rules: dict[str, object], summary: str) -> None:
    assert summary_of(rules) == summary
