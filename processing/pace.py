"""A session's pace over time: kept as a few points, drawn as a chart of photos a second."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from processing import wording

# How many points a session keeps: with more, every second one is left out, so the row stays small.
POINTS_MAX = 120
CHART_WIDTH, CHART_HEIGHT = 1000.0, 100.0
# A span without progress that is longer than this share of the chart is drawn as a pause.
PAUSE_SHARE = 0.04
TICKS_COUNT = 4

Point = tuple[float, int]


def with_point(points: Sequence[Sequence[float]], at: datetime, processed: int) -> list[list[float]]:
    """Add how many photos were processed at an instant; clocks of several hosts never lead backwards.

    Half of the points go when there are too many, the first and the last never.
    """
    at_s = round(at.timestamp(), 1)
    last_s = points[-1][0] if points else at_s
    kept = [*([list(point) for point in points]), [max(at_s, last_s), processed]]
    return kept if len(kept) <= POINTS_MAX else [*kept[:-1:2], kept[-1]]


@dataclass(frozen=True, slots=True)
class Band:
    """A span of the chart in which nothing was processed."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Photos a second over time, as paths of an SVG of CHART_WIDTH x CHART_HEIGHT, and its scales in words."""

    line: str
    area: str
    bands: tuple[Band, ...]
    top: str
    middle: str
    ticks: tuple[str, ...]
    finding: str


def chart_of(points: Sequence[Sequence[float]], now: Point | None = None) -> Chart | None:
    """Draw the pace; None while there are too few points to say anything. `now` is one more point, not kept."""
    known: list[Point] = [(float(at), int(count)) for at, count in points]
    if now is not None and known and now[0] > known[-1][0]:
        known.append(now)
    rates = [
        (begin, end, max(after - before, 0) / (end - begin))
        for (begin, before), (end, after) in pairwise(known)
        if end > begin
    ]
    if len(rates) < 2:
        return None
    return _draw(rates)


def _draw(rates: Sequence[tuple[float, float, float]]) -> Chart:
    first, last = rates[0][0], rates[-1][1]
    highest = _round_up(max(rate for *_span, rate in rates))
    corners = [
        (_x(moment, first, last), CHART_HEIGHT * (1 - rate / highest))
        for begin, end, rate in rates
        for moment in (begin, end)
    ]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    bands = [
        Band(f"{_x(begin, first, last):.1f}", f"{_x(end, first, last) - _x(begin, first, last):.1f}")
        for begin, end, rate in rates
        if not rate and (end - begin) / (last - first) > PAUSE_SHARE
    ]
    return Chart(
        line=f"M{line}",
        area=f"M0 {CHART_HEIGHT:.0f}L{line}L{CHART_WIDTH:.0f} {CHART_HEIGHT:.0f}Z",
        bands=tuple(bands),
        top=_figure(highest),
        middle=_figure(highest / 2),
        ticks=tuple(_tick(first + (last - first) * step / TICKS_COUNT) for step in range(TICKS_COUNT + 1)),
        finding=_finding(rates, len(bands)),
    )


def _x(moment: float, first: float, last: float) -> float:
    return CHART_WIDTH * (moment - first) / (last - first)


def _round_up(rate: float) -> float:
    """Find the smallest of 1, 2 and 5 times a power of ten that is not below a rate."""
    step = 0.1
    while True:
        for factor in (1, 2, 5):
            if rate <= step * factor:
                return step * factor
        step *= 10


def _figure(rate: float) -> str:
    return wording.grouped(round(rate)) if rate >= 1 and rate == round(rate) else f"{rate:.2g}"


def _tick(moment: float) -> str:
    return wording.instant(datetime.fromtimestamp(moment, tz=UTC))


def _finding(rates: Sequence[tuple[float, float, float]], pauses_count: int) -> str:
    highest = wording.one_decimal(max(rate for *_span, rate in rates))
    newest = wording.one_decimal(rates[-1][2])
    text = _("At most {highest} photos a second, lately {newest}.").format(highest=highest, newest=newest)
    pauses = _("Longer pauses: {count}.").format(count=pauses_count)
    return f"{text} {pauses}" if pauses_count else text


def point_now(now: Any, processed: int) -> Point:
    """Give the point of this moment."""
    return now.timestamp(), processed
