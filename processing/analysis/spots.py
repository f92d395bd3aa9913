"""Finds the place of a photo that shows a fault best, from what was cut out of it; cheap, so in the decode thread.

The measures are of whole tiles; here every sixteenth row tells which of the tiles is the worst one.
"""

import numpy as np
import numpy.typing as npt

from processing.analysis.cutting import CHOSEN_COUNT, SAMPLE_PX, SPREAD_COUNT, TILE_PX, Cut, Pixels
from processing.analysis.exposure import BURNT_LEVEL
from processing.analysis.focus import DETAIL_MIN
from processing.analysis.kernels import BLOCK_PX, CELL_PX, CELLS, GRID_PX, LAGS, STEP_LEVELS
from processing.analysis.records import Spot

ROWS_APART = 2 * GRID_PX
FOCUS_ROWS = np.arange(GRID_PX, TILE_PX - GRID_PX, ROWS_APART)
BLOCKS = TILE_PX // BLOCK_PX
GREEN = 1


def find_spots(cut: Cut) -> dict[str, Spot]:
    """Give a point (x, y) of the stored pixels per reason code that has a place: the middle of the worst place."""
    softest = _middle(cut, find_softest(cut.tiles[:CHOSEN_COUNT]))
    spread = cut.tiles[CHOSEN_COUNT:]
    burnt, brightest = find_light(cut.sample)
    return {
        "out_of_focus": softest,
        "motion_blur": softest,
        "noise": _middle(cut, CHOSEN_COUNT + find_grainiest(spread)),
        "compression_artifacts": _middle(cut, CHOSEN_COUNT + find_blockiest(spread)),
        "overexposed": _cell_middle(cut, burnt),
        "underexposed": _cell_middle(cut, brightest),
    }


def find_softest(tiles: Pixels) -> int:
    """Number of the tile with least fine detail for its coarse detail, as focus.measure_sharpness has it."""
    rows = {step: tiles[:, FOCUS_ROWS + step].astype(np.int16) for step in (-4, -2, 0, 2, 4)}
    middle = rows[0]
    squares = []
    for lag in LAGS:
        down = rows[-lag] + rows[lag] - 2 * middle
        across = middle[:, :, : -2 * lag] + middle[:, :, 2 * lag :] - 2 * middle[:, :, lag:-lag]
        squares.append(np.stack([_mean_square(down), _mean_square(across)]))
    fine, coarse = squares
    return int((fine / np.maximum(coarse, DETAIL_MIN)).mean(axis=0).argmin())


def _mean_square(values: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    flat = values.reshape(len(values), -1).astype(np.float32)
    means: npt.NDArray[np.float32] = np.einsum("ij,ij->i", flat, flat) / np.float32(flat.shape[1])
    return means


def find_grainiest(tiles: Pixels) -> int:
    """Number of the tile whose middle block has most diagonal detail, as noise.measure_noise has it."""
    half = tiles[:, ::ROWS_APART].astype(np.int16) - tiles[:, 1::ROWS_APART]
    detail = np.abs(half[:, :, ::2] - half[:, :, 1::2])
    blocks = detail.reshape(SPREAD_COUNT, BLOCKS, -1, BLOCKS, BLOCK_PX // 2).sum(axis=(2, 4))
    return int(np.median(blocks.reshape(SPREAD_COUNT, -1), axis=1).argmax())


def find_blockiest(tiles: Pixels) -> int:
    """Number of the tile where the steps of one place of the 8-pixel grid stand out most, left to right."""
    rows = tiles[:, ::ROWS_APART].astype(np.int16)
    steps = np.minimum(np.abs(np.diff(rows[:, :, : TILE_PX - GRID_PX + 1], axis=2)), int(STEP_LEVELS))
    places = steps.sum(axis=1).reshape(SPREAD_COUNT, -1, GRID_PX).sum(axis=1)
    return int((places.max(axis=1) - np.median(places, axis=1)).argmax())


def find_light(sample: Pixels) -> tuple[int, int]:
    """Numbers of the cells of 18 x 18 samples with most burnt-out ones, and with most light; every second is looked at."""
    green = sample[::2, ::2, GREEN].reshape(CELLS, CELL_PX // 2, CELLS, CELL_PX // 2)
    light = green.sum(axis=(1, 3), dtype=np.int64)
    burnt = (green >= BURNT_LEVEL).sum(axis=(1, 3), dtype=np.int64)
    return int((burnt * (light.max() + 1) + light).argmax()), int(light.argmax())


def _middle(cut: Cut, tile: int) -> Spot:
    """Give the middle of a tile; of a photo smaller than a tile, a point inside."""
    x, y = (int(corner) + TILE_PX // 2 for corner in cut.corners[tile])
    return min(x, cut.size_px[0] - 1), min(y, cut.size_px[1] - 1)


def _cell_middle(cut: Cut, cell: int) -> Spot:
    down, across = divmod(cell, CELLS)
    width, height = cut.size_px
    x, y = (place * CELL_PX + CELL_PX // 2 for place in (across, down))
    return (x * 2 + 1) * width // (2 * SAMPLE_PX), (y * 2 + 1) * height // (2 * SAMPLE_PX)
