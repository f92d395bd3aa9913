"""A session's pace: few points are kept, and what is drawn of them is true."""

from datetime import UTC, datetime, timedelta

import pytest

from processing.pace import POINTS_MAX, chart_of, with_point

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def test_points_stay_few_and_keep_the_first_and_the_last_however_many_batches_end() -> None:
    points: list[list[float]] = []

    for number in range(5000):
        points = with_point(points, at(number), 50 * number)

    assert len(points) <= POINTS_MAX
    assert points[0] == [NOON.timestamp(), 0]
    assert points[-1] == [at(4999).timestamp(), 50 * 4999]
    assert points == sorted(points)


def test_point_never_lies_before_the_one_before_it_when_clocks_differ() -> None:
    points = with_point([[at(60).timestamp(), 10]], at(50), 20)

    assert points == [[at(60).timestamp(), 10], [at(60).timestamp(), 20]]


@pytest.mark.parametrize("points", [[], [[0.0, 0]], [[0.0, 0], [1.0, 5]], [[0.0, 0], [0.0, 5], [0.0, 9]]])
def test_nothing_is_drawn_while_there_is_too_little_to_say(points: list[list[float]]) -> None:
    assert chart_of(points) is None


def test_chart_draws_rates_between_points_up_to_now() -> None:
    chart = chart_of([[0.0, 0], [10.0, 40], [20.0, 60]], now=(40.0, 160))

    assert chart is not None
    assert chart.line == "M0.0 20.0L250.0 20.0L250.0 60.0L500.0 60.0L500.0 0.0L1000.0 0.0"
    assert (chart.top, chart.middle, chart.bands) == ("5", "2.5", ())
    assert chart.finding == "At most 5.0 photos a second, lately 5.0."


def test_chart_marks_a_long_pause_and_never_falls_below_zero_when_verdicts_are_put_aside() -> None:
    chart = chart_of([[0.0, 0], [10.0, 50], [30.0, 50], [40.0, 20], [50.0, 70]])

    assert chart is not None
    assert [(band.x, band.width) for band in chart.bands] == [("200.0", "400.0"), ("600.0", "200.0")]
    assert " -" not in chart.line
    assert chart.finding.endswith("Longer pauses: 2.")
