"""Where on a photo its faults are: numbered marks, crops at 100 %, and the histogram, as geometry for SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from processing import wording
from processing.pictures import Details

# The stylesheet draws the number of a mark for a photo of this width.
WIDTH = 4272.0
MARK_SHARE = 0.11
TAG = 50.0
CHANNELS = ("red", "green", "blue")
CHART_WIDTH, CHART_HEIGHT = 1000.0, 100.0
END_SHARE = 0.05
DARK_BELOW, BRIGHT_ABOVE = 0.35, 0.65


@dataclass(frozen=True, slots=True)
class Mark:
    """One square on the photo with its number; lengths are ready for attributes."""

    numeral: int
    word: str
    x: str
    y: str
    width: str
    height: str
    label_x: str
    label_y: str


@dataclass(frozen=True, slots=True)
class Loupe:
    """One crop, a photo's pixel for a pixel of the page; x and y are where it is."""

    code: str
    numeral: int
    word: str
    x: int
    y: int
    width: int
    height: int
    is_within: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """One channel of the histogram."""

    channel: str
    path: str


def numerals_of(codes: Sequence[str], details: Details | None) -> dict[str, int]:
    """Number what has a place on the photo: first the reasons in their order, then the other places."""
    if details is None:
        return {}
    places = dict.fromkeys([*details.spots, *details.crops])
    ordered = [code for code in codes if code in places]
    ordered += [code for code in places if code not in ordered]
    return {code: number for number, code in enumerate(ordered, 1)}


def marks_of(
    details: Details | None, numerals: Mapping[str, int], width_px: int, height_px: int
) -> list[Mark]:
    """Draw a square around each place, in units of a photo that is WIDTH wide."""
    if details is None:
        return []
    scale = WIDTH / width_px
    return [
        _mark(code, number, _square(details, code, width_px, height_px), scale)
        for code, number in numerals.items()
    ]


def view_box(width_px: int, height_px: int) -> str:
    """Give the drawing's units: the photo WIDTH wide."""
    return f"0 0 {WIDTH:.0f} {WIDTH * height_px / width_px:.0f}"


def loupes_of(details: Details | None, numerals: Mapping[str, int], broken: Sequence[str]) -> list[Loupe]:
    """Give the crops in the order of their numbers."""
    if details is None:
        return []
    return [
        Loupe(code, number, wording.reason_words(code), *details.crops[code], code not in broken)
        for code, number in numerals.items()
        if code in details.crops
    ]


def curves_of(details: Details | None) -> list[Curve]:
    """Draw the channels of the histogram, all on one scale."""
    channels = {} if details is None else details.histogram
    highest = max((max(bins, default=0) for bins in channels.values()), default=0)
    if not highest:
        return []
    return [
        Curve(channel, _curve(channels[channel], highest)) for channel in CHANNELS if channels.get(channel)
    ]


def tones_of(details: Details | None) -> str:
    """Say what the histogram shows."""
    bins = [sum(column) for column in zip(*details.histogram.values(), strict=False)] if details else []
    total = sum(bins)
    if not total:
        return ""
    mean = sum(place * count for place, count in enumerate(bins)) / total / max(len(bins) - 1, 1)
    words = [_("most tones are dark")] if mean < DARK_BELOW else []
    words += [_("most tones are bright")] if mean > BRIGHT_ABOVE else []
    words = words or [_("most tones lie in the middle")]
    words += [_("many are black")] if bins[0] > END_SHARE * total else []
    words += [_("many are white")] if bins[-1] > END_SHARE * total else []
    return ", ".join(words)


def _square(details: Details, code: str, width_px: int, height_px: int) -> tuple[float, float, float, float]:
    if code not in details.spots:
        x, y, width, height = details.crops[code]
        return float(x), float(y), float(width), float(height)
    side = MARK_SHARE * max(width_px, height_px)
    x, y = details.spots[code]
    left = min(max(x - side / 2, 0.0), max(width_px - side, 0.0))
    upper = min(max(y - side / 2, 0.0), max(height_px - side, 0.0))
    return left, upper, min(side, width_px), min(side, height_px)


def _mark(code: str, numeral: int, square: tuple[float, float, float, float], scale: float) -> Mark:
    x, y, width, height = (length * scale for length in square)
    lengths = (x, y, width, height, x + TAG, y + TAG)
    return Mark(numeral, wording.reason_words(code), *(f"{length:.0f}" for length in lengths))


def _curve(bins: Sequence[int], highest: int) -> str:
    step = CHART_WIDTH / max(len(bins) - 1, 1)
    points = "L".join(
        f"{place * step:.0f} {CHART_HEIGHT * (1 - count / highest):.1f}" for place, count in enumerate(bins)
    )
    return f"M0 {CHART_HEIGHT:.0f}L{points}L{CHART_WIDTH:.0f} {CHART_HEIGHT:.0f}Z"
