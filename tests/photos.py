"""Draws small photos with known faults: clean ones pass the Adobe Stock preset, each fault gives its one reason."""

import functools
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]
# fault -> reason codes of the ADOBE_STOCK preset, in its order
FAULTS: dict[str, list[str]] = {
    "blur": ["out_of_focus"],
    "noise": ["noise"],
    "dark": ["underexposed"],
    "bright": ["overexposed"],
    "flat": ["low_contrast"],
    "blocks": ["compression_artifacts"],
    "small": ["too_small"],
    "png": ["not_jpeg"],
    "adobe_rgb": ["colour_space"],
    "cut": ["truncated"],
    "garbage": ["unreadable"],
    "empty": ["unreadable"],
}


@functools.lru_cache(maxsize=8)
def _draw_scene(width: int, height: int, seed: int) -> Pixels:
    """Sky over ground with hard-edged leaves: smooth places, fine detail and the whole range of tones."""
    generator = np.random.default_rng(seed)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    along = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    base = 60 + 120 * (1 - down) + 30 * np.sin(6 * along + seed)
    scene = np.stack([base * 0.95, base, base * 1.05], axis=-1)
    side = 640
    small = generator.random((side // 4, side // 4)) > 0.5
    leaves = np.kron(small, np.ones((4, 4), np.float32))
    tiled = np.tile(leaves, (height // side + 1, width // side + 1))
    ground = height // 2
    scene[ground:] += (tiled[:height, :width][ground:, :, None] - 0.5) * np.array([150, 170, 120], np.float32)
    return np.clip(scene, 0, 255).astype(np.uint8)


def draw_photo(*, width: int = 2600, height: int = 1700, seed: int = 0, fault: str | None = None) -> Pixels:
    """Draw one photo's pixels [height, width, 3] with a fault that lives in pixels, or none."""
    if fault == "small":
        width, height = min(width, 1200), min(height, 800)
    scene = _draw_scene(width, height, seed % 4)
    shifted = np.roll(scene, (seed * 37) % width, axis=1)
    if fault == "blur":
        return np.asarray(Image.fromarray(shifted).filter(ImageFilter.BoxBlur(4)))
    if fault == "noise":
        grain = np.random.default_rng(seed).normal(0, 16, (256, 256, 1)).astype(np.int16)
        full = np.tile(grain, (height // 256 + 1, width // 256 + 1, 1))[:height, :width]
        return np.clip(shifted + full, 0, 255).astype(np.uint8)
    table = _tones(fault)
    return shifted if table is None else table[shifted]


def _tones(fault: str | None) -> Pixels | None:
    level = np.arange(256, dtype=np.float32)
    tables = {"dark": level * 0.35, "bright": level * 2.4, "flat": 100 + level * 0.25}
    return np.clip(tables[fault], 0, 255).astype(np.uint8) if fault in tables else None


def encode_photo(pixels: Pixels, *, seed: int = 0, fault: str | None = None) -> bytes:
    """Encode pixels as the file that a camera would write, with a fault that lives in the file, or none."""
    if fault == "empty":
        return b""
    if fault == "garbage":
        return np.random.default_rng(seed).bytes(20_000)
    if fault in ("png", "adobe_rgb"):
        return _encode_pillow(pixels, fault)
    data = simplejpeg.encode_jpeg(pixels, quality=12 if fault == "blocks" else 92, colorsubsampling="422")
    return data[: len(data) * 6 // 10] if fault == "cut" else data


def _encode_pillow(pixels: Pixels, fault: str) -> bytes:
    stream = io.BytesIO()
    if fault == "png":
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    else:
        exif = Image.Exif()
        exif.get_ifd(34665)[40961] = 65535
        exif.get_ifd(40965)[1] = "R03"
        Image.fromarray(pixels).save(stream, "JPEG", quality=92, exif=exif)
    return stream.getvalue()


def write_photo(
    path: Path, *, width: int = 2600, height: int = 1700, seed: int = 0, fault: str | None = None
) -> list[str]:
    """Write one photo; gives the reason codes that the Adobe Stock preset finds in it (no compare stage)."""
    pixels = draw_photo(width=width, height=height, seed=seed, fault=fault)
    path.write_bytes(encode_photo(pixels, seed=seed, fault=fault))
    return FAULTS[fault] if fault else []
