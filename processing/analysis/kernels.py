"""The torch part: sums over tiles and over the sample, in buffers made once.

A photo is computed alone and in calls of one fixed shape, whatever batch it came in: neighbors cannot change a bit.
"""

import torch

from processing.analysis.cutting import CHOSEN_COUNT, SAMPLE_PX, SPREAD_COUNT, TILE_PX

CHUNK_COUNT = 8
# (rows, columns) of one step across, down and along both diagonals.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
LAGS = (2, 4)
MARGIN_PX = max(LAGS)
INNER_PX = TILE_PX - 2 * MARGIN_PX
BLOCK_PX = 32
BLOCKS_COUNT = (TILE_PX // BLOCK_PX) ** 2
GRID_PX = 8
CELLS = 32
CELL_PX = SAMPLE_PX // CELLS
# Differences above this are edges of the picture, not steps between JPEG blocks.
STEP_LEVELS = 6.0


class Workspace:
    """Buffers for one photo's arithmetic on one device."""

    def __init__(self, device: torch.device) -> None:
        def empty(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=torch.float32, device=device)

        self.luma = empty(CHUNK_COUNT, TILE_PX, TILE_PX)
        self.scratch = empty(CHUNK_COUNT * TILE_PX * TILE_PX)
        self.second = empty(CHUNK_COUNT * TILE_PX * TILE_PX // 4)
        self.details = empty(len(LAGS), len(DIRECTIONS), CHOSEN_COUNT)
        self.noises = empty(SPREAD_COUNT, BLOCKS_COUNT)
        self.means = empty(SPREAD_COUNT, BLOCKS_COUNT)
        self.steps = empty(2, SPREAD_COUNT, GRID_PX)

    def _lend(self, buffer: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        return buffer[: CHUNK_COUNT * rows * columns].view(CHUNK_COUNT, rows, columns)

    def measure_tiles(self, tiles: torch.Tensor) -> torch.Tensor:
        """Measure luma tiles, uint8 [TILES_COUNT, 256, 256], chosen ones first; gives one float32 vector."""
        for start in range(0, CHOSEN_COUNT, CHUNK_COUNT):
            self.luma.copy_(tiles[start : start + CHUNK_COUNT])
            self._measure_details(slice(start, start + CHUNK_COUNT))
        for start in range(0, SPREAD_COUNT, CHUNK_COUNT):
            self.luma.copy_(tiles[CHOSEN_COUNT + start : CHOSEN_COUNT + start + CHUNK_COUNT])
            part = slice(start, start + CHUNK_COUNT)
            self._measure_blocks(part)
            self._measure_steps(part)
        parts = (self.details, self.noises, self.means, self.steps)
        return torch.cat([part.flatten() for part in parts])

    def _measure_details(self, part: slice) -> None:
        """Mean square of the second difference in four directions, at two lags."""
        center = self._shift(0, 0)
        out = self._lend(self.scratch, INNER_PX, INNER_PX)
        for lag_number, lag in enumerate(LAGS):
            for number, (down, along) in enumerate(DIRECTIONS):
                torch.add(
                    self._shift(down * lag, along * lag), self._shift(-down * lag, -along * lag), out=out
                )
                out.sub_(center, alpha=2.0).square_()
                torch.mean(out, dim=(1, 2), out=self.details[lag_number, number, part])

    def _shift(self, down: int, along: int) -> torch.Tensor:
        top, left = MARGIN_PX + down, MARGIN_PX + along
        return self.luma[:, top : top + INNER_PX, left : left + INNER_PX]

    def _measure_blocks(self, part: slice) -> None:
        """Mean absolute diagonal Haar detail, (a - b - c + d) / 2, and mean, of each 32-pixel block."""
        half = self._lend(self.scratch, TILE_PX // 2, TILE_PX)
        torch.sub(self.luma[:, 0::2], self.luma[:, 1::2], out=half)
        detail = self._lend(self.second, TILE_PX // 2, TILE_PX // 2)
        torch.sub(half[:, :, 0::2], half[:, :, 1::2], out=detail)
        self.noises[part] = _mean_blocks(detail.abs_(), BLOCK_PX // 2) / 2
        self.means[part] = _mean_blocks(self.luma, BLOCK_PX)

    def _measure_steps(self, part: slice) -> None:
        """Sum of small first differences at each of the 8 places of the JPEG grid, across and down."""
        across = self._lend(self.scratch, TILE_PX, TILE_PX - GRID_PX)
        torch.sub(self.luma[:, :, 1 : 1 - GRID_PX], self.luma[:, :, :-GRID_PX], out=across)
        sums = across.abs_().clamp_(max=STEP_LEVELS).sum(dim=1)
        self.steps[0, part] = sums.view(CHUNK_COUNT, -1, GRID_PX).sum(dim=1)
        down = self._lend(self.scratch, TILE_PX - GRID_PX, TILE_PX)
        torch.sub(self.luma[:, 1 : 1 - GRID_PX], self.luma[:, :-GRID_PX], out=down)
        sums = down.abs_().clamp_(max=STEP_LEVELS).sum(dim=2)
        self.steps[1, part] = sums.view(CHUNK_COUNT, -1, GRID_PX).sum(dim=1)


def _mean_blocks(values: torch.Tensor, side: int) -> torch.Tensor:
    count, rows, columns = values.shape
    return values.reshape(count, rows // side, side, columns // side, side).mean(dim=(2, 4)).flatten(1)


def measure_sample(sample: torch.Tensor) -> torch.Tensor:
    """Count an RGB sample, uint8 [576, 576, 3]: histograms of luma, chroma, high and middle channel, then cells.

    Whole numbers, int64 [4 * 256 + 1024]; chroma is the highest minus the lowest channel, a cell is the sum of
    luma over 18 x 18 samples.
    """
    red, green, blue = (sample[..., channel].to(torch.int32) for channel in range(3))
    luma = (red * 77 + green * 150 + blue * 29) >> 8
    high = torch.maximum(torch.maximum(red, green), blue)
    low = torch.minimum(torch.minimum(red, green), blue)
    middle = red + green + blue - high - low
    counts = [torch.bincount(values.flatten(), minlength=256) for values in (luma, high - low, high, middle)]
    cells = luma.view(CELLS, CELL_PX, CELLS, CELL_PX).sum(dim=(1, 3))
    return torch.cat([*counts, cells.flatten()])
