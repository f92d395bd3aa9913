"""Turns the sums of one photo into named measures, rounded to four significant digits."""

import numpy as np
import numpy.typing as npt

from processing.analysis import kernels
from processing.analysis.cutting import CHOSEN_COUNT, Cut
from processing.analysis.records import Facts

Floats = npt.NDArray[np.float64]
DIGITS = 4


def round_measure(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{float(value):.{DIGITS - 1}e}")


def name_measures(tiles: Floats, sample: npt.NDArray[np.int64], facts: Facts) -> dict[str, float]:
    """Name a photo's measures from tile features [TILES_COUNT, n] and sample counts, in a fixed order."""
    features, blocks, phases = np.split(tiles, [5, 5 + kernels.BLOCKS_COUNT], axis=1)
    luma, chroma, high, _ = sample[:1024].reshape(4, 256)
    noise = measure_noise(features[:, 0], blocks)
    named = {
        "megapixels": facts.megapixels,
        "focus": measure_focus(features[:CHOSEN_COUNT], noise),
        "noise": noise,
        "blockiness": measure_blockiness(phases),
        "jpeg_quality": 100.0 if facts.quality is None else facts.quality,
        "brightness": _mean(luma),
        "highlights_clipped": share_above(high, 250),
        "shadows_clipped": share_below(luma, 5),
        "brightest": _percentile(luma, 0.995),
        "contrast": _percentile(luma, 0.99) - _percentile(luma, 0.01),
        "saturation": _mean(chroma),
    }
    return {name: round_measure(value) for name, value in named.items()}


def measure_focus(chosen: Floats, noise: float) -> float:
    """Fine over coarse detail at the sharpest places: 0.5 for a step edge, below 0.1 where nothing is sharp.

    Second differences at lag 1 and 2, mean square, less what white noise adds (6 sigma squared each).
    """
    fine = chosen[:, 1:3] - 6 * noise**2
    coarse = chosen[:, 3:5] - 6 * noise**2
    ratio = np.where(coarse > 4, fine / np.maximum(coarse, 4), 0).mean(axis=1)
    return max(0.0, float(np.quantile(ratio, 0.9)))


def measure_noise(means: Floats, blocks: Floats) -> float:
    """Standard deviation of the noise in levels, from the flattest tenth of the blocks that are neither dark nor clipped.

    Mean absolute diagonal Haar detail times sqrt(pi / 2), the factor of a normal distribution.
    """
    usable = (means > 25) & (means < 235)
    values = blocks[usable] if usable.any() else blocks
    return float(np.quantile(values, 0.1)) * float(np.sqrt(np.pi / 2))


def measure_blockiness(phases: Floats) -> float:
    """Steps on the strongest phase of the 8-pixel grid over the middle of the other phases."""
    total = phases.reshape(-1, 2, 8).sum(axis=0)
    return float(np.mean(total.max(axis=1) / np.maximum(np.median(total, axis=1), 1e-6)))


def share_above(counts: npt.NDArray[np.int64], level: int) -> float:
    """Share of the sample at or above a level."""
    return float(counts[level:].sum() / counts.sum())


def share_below(counts: npt.NDArray[np.int64], level: int) -> float:
    """Share of the sample at or below a level."""
    return float(counts[: level + 1].sum() / counts.sum())


def _mean(counts: npt.NDArray[np.int64]) -> float:
    return float((counts * np.arange(256)).sum() / counts.sum())


def _percentile(counts: npt.NDArray[np.int64], share: float) -> float:
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()))


def find_spots(tiles: Floats, cut: Cut) -> dict[str, tuple[int, int]]:
    """The least sharp of the chosen places and the noisiest of all, as the corner of their tile in stored pixels."""
    blocks = tiles[:, 5 : 5 + kernels.BLOCKS_COUNT]
    ratio = tiles[:CHOSEN_COUNT, 1:3].sum(axis=1) / np.maximum(tiles[:CHOSEN_COUNT, 3:5].sum(axis=1), 4)
    places = {"out_of_focus": int(np.argmin(ratio)), "noise": int(np.argmax(np.median(blocks, axis=1)))}
    return {code: (int(cut.corners[place, 0]), int(cut.corners[place, 1])) for code, place in places.items()}
