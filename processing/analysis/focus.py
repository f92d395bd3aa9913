"""How sharp the sharpest places are, and whether a blur has one direction."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Below this mean square of the coarse difference a tile shows nothing that could be sharp.
DETAIL_MIN = 16.0
# The second difference a - 2b + c of white noise has a mean square of 6 sigma squared at any lag.
NOISE_GAIN = 6.0
SHARP_SHARE = 0.75
# The direction across each of kernels.DIRECTIONS.
ACROSS = (1, 0, 3, 2)


def measure_sharpness(details: Floats, noise: float) -> Floats:
    """Sharpness in each direction, from mean squares [2 lags, 4 directions, tiles]: fine detail over coarse detail.

    Around 0.5 at step edges, towards 1/16 where everything is smooth. The ratio does not depend on contrast, and a
    blur along one direction shows in that direction only. One value per direction: the 75 % quantile of the tiles.
    """
    fine, coarse = np.maximum(details - NOISE_GAIN * noise**2, 0.0)
    sharpness: Floats = np.quantile(fine / np.maximum(coarse, DETAIL_MIN), SHARP_SHARE, axis=1)
    return sharpness


def measure_focus(sharpness: Floats) -> float:
    """The softest direction counts."""
    return float(sharpness.min())


def measure_steadiness(sharpness: Floats) -> float:
    """Sharpness of the softest direction over that of the direction across it: 1 is even, a moved camera is below 0.6."""
    softest = int(sharpness.argmin())
    across = float(sharpness[ACROSS[softest]])
    return float(sharpness[softest]) / across if across > 0 else 1.0
