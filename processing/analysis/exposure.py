"""Light: brightness, what is burnt out, how bright the brightest parts are, and contrast."""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
BRIGHT_LEVEL, BURNT_LEVEL = 220, 253
BRIGHTEST_SHARE = 0.995
TAIL_SHARE = 0.01


def measure_mean(counts: Counts) -> float:
    """Mean level of a histogram of 256 levels."""
    return float((counts * np.arange(256)).sum() / counts.sum())


def measure_burnt(middle: Counts) -> float:
    """How much more of the photo is burnt out than bright: shares of the middle channel from 253 and from 220 to 252.

    The middle of the three channels, because one channel alone also ends in strong colors. Light that was only bright
    fades through the levels below; exposed too long, it piles up at the end. At least 0.
    """
    burnt, bright = middle[BURNT_LEVEL:].sum(), middle[BRIGHT_LEVEL:BURNT_LEVEL].sum()
    return max(0.0, float((burnt - bright) / middle.sum()))


def measure_brightest(high: Counts) -> float:
    """Level of the highest channel that all but 0.5 % of the photo stays below."""
    return find_level(high, BRIGHTEST_SHARE)


def measure_contrast(luma: Counts) -> float:
    """Michelson contrast (bright - dark) / (bright + dark) between the 1 % and 99 % levels: 0 fog, 1 full."""
    dark, bright = find_level(luma, TAIL_SHARE), find_level(luma, 1.0 - TAIL_SHARE)
    return (bright - dark) / (bright + dark) if bright > 0 else 0.0


def find_level(counts: Counts, share: float) -> float:
    """The lowest level at or below which this share of the counts lies."""
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()))
