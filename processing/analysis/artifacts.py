"""What JPEG compression left behind in the pixels, whatever the file's tables say now."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def measure_blockiness(steps: Floats) -> float:
    """How far steps between 8-pixel blocks stand out: the strongest place of the grid over the median place.

    steps: sums of small differences [across or down, tiles, 8 places of the grid]; 1 is none. The grid may lie
    anywhere, so that a crop of an over-compressed photo is found too.
    """
    total = steps.sum(axis=1)
    usual = np.median(total, axis=1)
    strongest = total.max(axis=1)
    return float(np.mean(np.where(usual > 0, strongest / np.maximum(usual, 1e-9), 1.0)))
