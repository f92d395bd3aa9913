"""The strip: frames in the order of photos, exposed as far as they are done."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from processing.film import HEIGHT, WIDTH, Mark, Span, Strip, exposed_strip, judged_strip


def toned(strip: Strip, tone: str) -> list[Mark]:
    """Marks of one tone."""
    return [mark for mark in strip.marks if mark.tone == tone]


def test_strip_has_only_empty_frames_when_the_total_is_not_known() -> None:
    strip = exposed_strip(0, None, 12, is_moving=True)

    assert {mark.tone for mark in strip.marks} == {"empty"}
    assert len(strip.marks) == 12


def test_strip_has_no_more_frames_than_photos() -> None:
    assert exposed_strip(1, 3, 12, is_moving=False).frames_count == 3


def test_strip_exposes_half_of_its_frames_when_half_is_done() -> None:
    strip = exposed_strip(50, 100, 10, is_moving=True)

    assert len(toned(strip, "approved")) == 5
    assert [mark.x for mark in toned(strip, "now")] == [toned(strip, "empty")[5].x]


def test_strip_marks_no_frame_as_now_when_all_is_done() -> None:
    assert toned(exposed_strip(100, 100, 10, is_moving=True), "now") == []


def test_strip_splits_a_frame_by_what_became_of_its_photos() -> None:
    strip = judged_strip([Span(first_position=0, done=4, approved=3, rejected=1)], 4, 1, is_moving=False)

    approved, rejected = toned(strip, "approved")[0], toned(strip, "rejected")[0]
    assert (float(approved.height), float(rejected.height)) == (HEIGHT * 3 / 4, HEIGHT / 4)
    assert float(rejected.y) == HEIGHT * 3 / 4


@pytest.mark.parametrize(("approved", "height"), [(1, 4.0), (0, HEIGHT)])
def test_strip_shows_what_could_not_be_judged_as_an_edge_or_alone(approved: int, height: float) -> None:
    strip = judged_strip([Span(0, 2, approved, 0)], 2, 1, is_moving=False)

    assert [float(mark.height) for mark in toned(strip, "failed")] == [height]


@given(
    total=some.integers(1, 5000),
    size=some.integers(1, 200),
    frames_count=some.integers(1, 60),
    share=some.floats(0, 1),
)
def test_strip_exposes_exactly_what_is_done(total: int, size: int, frames_count: int, share: float) -> None:
    done = int(total * share)
    spans = [
        Span(first, min(size, done - first), min(size, done - first), 0) for first in range(0, done, size)
    ]

    strip = judged_strip(spans, total, frames_count, is_moving=False)

    frame_width = float(toned(strip, "empty")[0].width)
    exposed = sum(float(mark.width) for mark in toned(strip, "approved"))
    assert exposed == pytest.approx(
        frame_width * strip.frames_count * done / total, abs=0.1 * strip.frames_count
    )
    assert all(float(mark.x) + float(mark.width) <= WIDTH + 0.2 for mark in strip.marks)
