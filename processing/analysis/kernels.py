"""The torch part: sums over tiles and samples, in buffers made once."""

import torch

from processing.analysis.cutting import SAMPLE_PX, TILE_PX, TILES_COUNT

CHUNK_COUNT = 8
NOISE_BLOCK_PX = 32
BLOCKS_COUNT = (TILE_PX // NOISE_BLOCK_PX) ** 2
CELLS = 32
CELL_PX = SAMPLE_PX // CELLS
LAGS = (1, 2)
FEATURES = ("mean", "fine_x", "fine_y", "coarse_x", "coarse_y")
SAMPLE_FEATURES_COUNT = 4 * 256 + CELLS * CELLS


class Workspace:
    """Buffers for one photo's arithmetic on one device; every kernel has one fixed shape.

    A photo is computed alone, chunk by chunk, whatever batch it came in: its sums never depend on neighbors.
    """

    def __init__(self, device: torch.device) -> None:
        shape = (CHUNK_COUNT, TILE_PX, TILE_PX)
        self.luma = torch.empty(shape, dtype=torch.float32, device=device)
        self.left = torch.empty(shape, dtype=torch.float32, device=device)
        self.right = torch.empty(shape, dtype=torch.float32, device=device)
        self.tile_features = torch.zeros((TILES_COUNT, len(FEATURES)), dtype=torch.float32, device=device)
        self.blocks = torch.zeros((TILES_COUNT, BLOCKS_COUNT), dtype=torch.float32, device=device)
        self.phases = torch.zeros((TILES_COUNT, 2, 8), dtype=torch.float32, device=device)

    def measure_tiles(self, tiles: torch.Tensor) -> torch.Tensor:
        """Measure luma tiles, uint8 [TILES_COUNT, 256, 256]; gives [TILES_COUNT, features + blocks + 16]."""
        for start in range(0, TILES_COUNT, CHUNK_COUNT):
            part = slice(start, start + CHUNK_COUNT)
            self.luma.copy_(tiles[part])
            self._focus(part)
            self._noise(part)
            self._edges(part)
        return torch.cat([self.tile_features, self.blocks, self.phases.flatten(1)], dim=1)

    def _focus(self, part: slice) -> None:
        """Mean square of the second difference at lag 1 and 2 in x and y."""
        features = self.tile_features[part]
        torch.mean(self.luma, dim=(1, 2), out=features[:, 0])
        for column, lag in enumerate(LAGS):
            for axis in (0, 1):
                view = self.luma if axis == 0 else self.luma.transpose(1, 2)
                features[:, 1 + 2 * column + axis] = self._second_difference(view, lag)

    def _second_difference(self, luma: torch.Tensor, lag: int) -> torch.Tensor:
        width = TILE_PX - 2 * lag
        out = self.left[:, :, :width]
        torch.add(luma[:, :, : -2 * lag], luma[:, :, 2 * lag :], out=out)
        out.sub_(luma[:, :, lag:-lag], alpha=2.0)
        return out.square_().mean(dim=(1, 2))

    def _noise(self, part: slice) -> None:
        """Mean absolute diagonal Haar detail of each 32-pixel block: (a - b - c + d) / 2."""
        even, odd = self.luma[:, 0::2], self.luma[:, 1::2]
        half = self.left[:, : TILE_PX // 2]
        torch.sub(even, odd, out=half)
        detail = self.right[:, : TILE_PX // 2, : TILE_PX // 2]
        torch.sub(half[:, :, 0::2], half[:, :, 1::2], out=detail)
        side = NOISE_BLOCK_PX // 2
        blocks = detail.abs_().unflatten(1, (-1, side)).unflatten(3, (-1, side))
        self.blocks[part] = blocks.mean(dim=(2, 4)).flatten(1) / 2

    def _edges(self, part: slice) -> None:
        """Mean absolute first difference for each of the 8 phases of the JPEG grid, in x and y."""
        for axis in (0, 1):
            step = self.left[:, :, : TILE_PX - 1] if axis == 0 else self.left[:, : TILE_PX - 1]
            torch.sub(self.luma.narrow(2 - axis, 1, 255), self.luma.narrow(2 - axis, 0, 255), out=step)
            sums = step.abs_().sum(dim=1 + axis)
            padded = torch.nn.functional.pad(sums, (0, 1))
            self.phases[part, axis] = padded.unflatten(1, (-1, 8)).sum(dim=1) / (255 * 32)


def measure_sample(sample: torch.Tensor) -> torch.Tensor:
    """Count an RGB sample, uint8 [576, 576, 3]: histograms of luma, chroma, highest and lowest channel, then cells.

    All of it whole numbers, int64 [SAMPLE_FEATURES_COUNT]; a cell is the sum of luma over 18 x 18 samples.
    """
    red, green, blue = (sample[..., channel].to(torch.int32) for channel in range(3))
    luma = (red * 77 + green * 150 + blue * 29) >> 8
    high = torch.maximum(torch.maximum(red, green), blue)
    low = torch.minimum(torch.minimum(red, green), blue)
    counts = [torch.bincount(v.flatten(), minlength=256) for v in (luma, high - low, high, low)]
    cells = luma.unflatten(0, (CELLS, CELL_PX)).unflatten(2, (CELLS, CELL_PX)).sum(dim=(1, 3))
    return torch.cat([*counts, cells.flatten()])
