"""Turns the sums of one photo into named measures, rounded to four significant digits."""

import numpy as np
import numpy.typing as npt

from processing.analysis import artifacts, exposure, focus, noise
from processing.analysis.cutting import CHOSEN_COUNT, SPREAD_COUNT
from processing.analysis.kernels import BLOCKS_COUNT, DIRECTIONS, GRID_PX, LAGS
from processing.analysis.records import Facts, Spot

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
SHAPES = (
    (len(LAGS), len(DIRECTIONS), CHOSEN_COUNT),
    (SPREAD_COUNT, BLOCKS_COUNT),
    (SPREAD_COUNT, BLOCKS_COUNT),
    (2, SPREAD_COUNT, GRID_PX),
)
HISTOGRAMS = 4


def split_sums(sums: Floats) -> list[Floats]:
    """Take Workspace.measure_tiles()'s vector apart: details, noises, means and steps."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(sums, ends), SHAPES, strict=True)]


def name_measures(sums: Floats, counts: Counts, facts: Facts) -> dict[str, float]:
    """Name one photo's measures in a fixed order; sums and counts as the kernels give them."""
    details, noises, means, steps = split_sums(sums)
    luma, chroma, high, middle = counts[: HISTOGRAMS * 256].reshape(HISTOGRAMS, 256)
    grain = noise.measure_noise(noises, means)
    sharpness = focus.measure_sharpness(details, grain)
    named = {
        "focus": focus.measure_focus(sharpness),
        "steadiness": focus.measure_steadiness(sharpness),
        "noise": grain,
        "brightness": exposure.measure_mean(luma),
        "brightest": exposure.measure_brightest(high),
        "burnt": exposure.measure_burnt(middle),
        "contrast": exposure.measure_contrast(luma),
        "saturation": exposure.measure_mean(chroma),
        "blockiness": artifacts.measure_blockiness(steps),
    }
    if facts.quality is not None:
        named["jpeg_quality"] = facts.quality
    return {name: round_measure(value) for name, value in named.items()}


def round_measure(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.3e}")


def turn_spot(spot: Spot, stored_px: tuple[int, int], orientation: int) -> Spot:
    """Move a point (x, y) of the stored pixels (width, height) to the upright photo, EXIF orientation 1 to 8."""
    x, y = spot
    width, height = stored_px
    if orientation in (2, 3, 7, 8):
        x = width - 1 - x
    if orientation in (3, 4, 6, 7):
        y = height - 1 - y
    return (y, x) if orientation >= 5 else (x, y)
