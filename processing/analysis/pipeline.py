"""From the bytes of photos to their measures: prepare() in any thread, measure() for a whole batch."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from processing.analysis import colors, cutting, devices, findings, kernels
from processing.analysis.decode import Frame, Limits, decode, free_buffers
from processing.analysis.hashing import fingerprint
from processing.analysis.pictures import Pictures, needed_profile, take_pictures
from processing.analysis.records import Facts, Measured, PhotoRefused

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
CPU_MEMORY_SHORT = "can't allocate memory"


@dataclass(frozen=True, slots=True)
class Prepared:
    """One photo ready for the device: a few megabytes, whatever its size; or its refusal."""

    sha256: str
    facts: Facts | None = None
    cut: cutting.Cut | None = None
    pictures: Pictures | None = None
    refusal: PhotoRefused | None = None
    damage: str = ""


class Pipeline:
    """Measures photos on one device. prepare() may run in several threads, measure() in one at a time."""

    def __init__(self, device: str = "auto", limits: Limits = Limits()) -> None:  # noqa: B008 -- frozen
        self._device = devices.open_device(device)
        self._limits = limits
        self._workspace = kernels.Workspace(self._device)
        self.device_name = devices.name_device(self._device)
        self.batch_size = devices.count_batch(self._device)

    def set_batch_size(self, batch_size: int) -> None:
        """Set how many photos go through the device at once, at least one."""
        self.batch_size = max(1, batch_size)

    def free_memory(self) -> None:
        """Give back what is kept to save time; no thread may be in prepare()."""
        free_buffers()

    def count_device_bytes(self) -> int | None:
        """Count the device memory that this process holds; None on the CPU."""
        return devices.count_held_bytes(self._device)

    def prepare(self, data: bytes) -> Prepared:
        """Hash, decode and cut one photo. A bad photo is a refusal inside the answer; MemoryError passes."""
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            frame = decode(data, self._limits)
        except PhotoRefused as refused:
            return Prepared(
                sha256, refusal=PhotoRefused(refused.code, refused.measured, refused.limit, refused.text)
            )
        cut = _cut(frame)
        return Prepared(sha256, frame.facts, cut, take_pictures(frame, cut), damage=frame.damage)

    def measure(self, batch: Sequence[Prepared]) -> list[Measured]:
        """Measure prepared photos, one answer each in the same order, the same whatever else is in the batch."""
        cuts = [one.cut for one in batch if one.cut is not None]
        sums = iter(self._sum(cuts))
        return [
            Measured(one.sha256, None, {}, b"", one.refusal)
            if one.cut is None or one.facts is None
            else _finish(one, one.facts, *next(sums))
            for one in batch
        ]

    def _sum(self, cuts: list[cutting.Cut]) -> list[tuple[Floats, Counts]]:
        """Compute all sums; torch says in its own words that memory is short, and only this package knows them."""
        if not cuts:
            return []
        try:
            with torch.inference_mode():
                return self._compute(cuts)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or CPU_MEMORY_SHORT in str(error):
                raise MemoryError(str(error)) from error
            raise

    def _compute(self, cuts: list[cutting.Cut]) -> list[tuple[Floats, Counts]]:
        """Move the batch to the device at once, compute photo by photo, and bring the sums back at once."""
        tiles = self._move([cut.tiles for cut in cuts])
        samples = self._move([cut.sample for cut in cuts])
        sums = torch.stack([self._workspace.measure_tiles(one) for one in tiles])
        counts = torch.stack([kernels.measure_sample(one) for one in samples])
        return list(zip(sums.cpu().numpy().astype(np.float64), counts.cpu().numpy(), strict=True))

    def _move(self, arrays: list[cutting.Pixels]) -> list[torch.Tensor]:
        if self._device.type == "cpu":
            return [torch.from_numpy(array) for array in arrays]
        return list(torch.from_numpy(np.stack(arrays)).to(self._device))


def _cut(frame: Frame) -> cutting.Cut:
    cut = cutting.cut_frame(frame.pixels)
    icc = needed_profile(frame)
    return dataclasses.replace(cut, sample=colors.to_srgb(cut.sample, icc)) if icc else cut


def _finish(one: Prepared, facts: Facts, sums: Floats, counts: Counts) -> Measured:
    cells = counts[findings.HISTOGRAMS * 256 :].reshape(kernels.CELLS, kernels.CELLS)
    measures = findings.name_measures(sums, counts, facts)
    return Measured(one.sha256, facts, measures, fingerprint(cells), None, one.damage)
