"""How much the even places of a photo are grained."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Nearly black and nearly white places lose their noise to clipping.
DARK_LEVEL, BRIGHT_LEVEL = 15.0, 240.0
# With fewer blocks left than this, what is left is the texture of one small thing: then all are taken.
BLOCKS_MIN = 384
EVEN_SHARE = 0.02
# Mean absolute value to standard deviation of a normal distribution.
NORMAL_FACTOR = float(np.sqrt(np.pi / 2))


def measure_noise(noises: Floats, means: Floats) -> float:
    """Standard deviation of the noise in levels of 255, from the evenest fiftieth of the 32-pixel blocks.

    noises: mean absolute diagonal Haar detail of each block; means: its mean luma. After Donoho's estimate of noise
    from the finest wavelet detail; the evenest blocks, because texture looks like noise.
    """
    usable = (means > DARK_LEVEL) & (means < BRIGHT_LEVEL)
    counted = noises[usable] if np.count_nonzero(usable) >= BLOCKS_MIN else noises
    return float(np.quantile(counted, EVEN_SHARE)) * NORMAL_FACTOR
