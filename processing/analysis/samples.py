"""Draws the demo's photos: landscapes that nobody took, with faults that are known beforehand.

The one module of this package that writes files; it is given the folder.
"""

import functools
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

Pixels = npt.NDArray[np.uint8]
PHOTO_PX = (4000, 3000)
SMALL_PX = (2000, 1500)
PNG_PX = (2400, 1800)
TEXTURE_PX = 1024
TEXTURES_COUNT = 3
SKY_COLORS, LAYERS = 112, 3
LAYER_COLORS = (256 - SKY_COLORS) // LAYERS
QUALITY, QUALITY_COMPRESSED = 90, 12
GRAIN_LEVELS = 12
BLUR_PX = 8
GARBAGE_BYTES = 100_000
# Verdict and reasons of each fault under the preset ADOBE_STOCK, after the compare stage.
FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "clean": ("approved", ()),
    "blurred": ("rejected", ("out_of_focus",)),
    "noisy": ("rejected", ("noise",)),
    "underexposed": ("rejected", ("underexposed",)),
    "overexposed": ("rejected", ("overexposed",)),
    "flat": ("rejected", ("low_contrast",)),
    "compressed": ("rejected", ("compression_artifacts",)),
    "small": ("rejected", ("too_small",)),
    "adobe_rgb": ("rejected", ("colour_space",)),
    "png": ("rejected", ("not_jpeg",)),
    "cut": ("rejected", ("truncated",)),
    "copy": ("rejected", ("duplicate",)),
    "variant": ("rejected", ("similar",)),
    "garbage": ("unreadable", ("unreadable",)),
}
# One photo with each of these after every third clean one, until they are used up.
ORDER = (
    *(
        "blurred",
        "noisy",
        "underexposed",
        "copy",
        "overexposed",
        "compressed",
        "variant",
        "flat",
        "cut",
        "small",
    ),
    *("adobe_rgb", "png", "garbage", "blurred", "noisy"),
)
CLEAN_BETWEEN = 3
CAMERA = ("Stockproof", "Drawn 1")


@dataclass(frozen=True, slots=True)
class Expected:
    """One drawn photo and what must come out for it; seed draws it again, fault is a key of FAULTS."""

    name: str
    verdict: str
    reasons: tuple[str, ...]
    fault: str
    seed: int


def plan(count: int = 60, seed: int = 7) -> list[Expected]:
    """Plan the photos in the order of their names. A copy or variant is of the photo just before it."""
    planned: list[Expected] = []
    faults = iter(ORDER)
    for number in range(count):
        fault = next(faults, "clean") if number % (CLEAN_BETWEEN + 1) == CLEAN_BETWEEN else "clean"
        verdict, reasons = FAULTS[fault]
        drawn = planned[-1].seed if fault in ("copy", "variant") else seed * 1000 + number
        suffix = "png" if fault == "png" else "jpg"
        planned.append(Expected(f"IMG_{number + 1:04d}.{suffix}", verdict, reasons, fault, drawn))
    return planned


def draw(folder: Path, planned: Expected) -> None:
    """Draw one planned photo into its file."""
    (folder / planned.name).write_bytes(make_photo(planned.seed, planned.fault))


def draw_samples(folder: Path, count: int = 60, seed: int = 7) -> list[Expected]:
    """Draw all planned photos into a folder, on all cores; drawing and encoding release the interpreter's lock."""
    planned = plan(count, seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda one: draw(folder, one), planned))
    return planned


def make_photo(seed: int, fault: str = "clean") -> bytes:
    """Draw one photo as the bytes of its file; the same seed and fault give the same bytes."""
    size_px = {"small": SMALL_PX, "png": PNG_PX}.get(fault, PHOTO_PX)
    return encode(draw_pixels(seed, fault, size_px), seed, fault)


def draw_pixels(seed: int, fault: str, size_px: tuple[int, int]) -> Pixels:
    """Draw a landscape of size (width, height) as [height, width, 3], with a fault that lives in pixels, or none."""
    colors, scene = _palette(seed, fault), _draw_scene(seed, *size_px)
    if fault == "blurred":
        small = Image.fromarray(colors[scene[::BLUR_PX, ::BLUR_PX]])
        return np.asarray(small.resize(size_px, Image.Resampling.BICUBIC))
    pixels: Pixels = np.take(colors, scene, axis=0)
    if fault == "noisy":
        return _add_grain(pixels, seed)
    return _export_again(pixels) if fault == "variant" else pixels


def encode(pixels: Pixels, seed: int, fault: str) -> bytes:
    """Make the file that a camera would write, with a fault that lives in the file, or none."""
    if fault == "garbage":
        return np.random.default_rng(seed).bytes(GARBAGE_BYTES)
    if fault == "png":
        return _encode_png(pixels)
    quality = QUALITY_COMPRESSED if fault == "compressed" else QUALITY
    data = simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="420")
    data = _add_exif(data, seed, is_adobe_rgb=fault == "adobe_rgb")
    return data[: len(data) * 6 // 10] if fault == "cut" else data


def _add_grain(pixels: Pixels, seed: int) -> Pixels:
    """Add the same noise to all channels, from a tile."""
    height, width = pixels.shape[:2]
    grain = np.random.default_rng(seed).normal(0, GRAIN_LEVELS, (256, TEXTURE_PX, 1)).astype(np.int16)
    full = np.tile(grain, (-(-height // 256), -(-width // TEXTURE_PX), 1))[:height, :width]
    grained: Pixels = np.clip(pixels + full, 0, 255).astype(np.uint8)
    return grained


def _export_again(pixels: Pixels) -> Pixels:
    """Mirror a photo and soften it a little, as a second export would be."""
    soft = (pixels[:, ::-1] >> 1) + (np.roll(pixels, 1, axis=1)[:, ::-1] >> 1)
    return np.ascontiguousarray((soft >> 1) + (np.roll(soft, 1, axis=0) >> 1))


@functools.lru_cache(maxsize=TEXTURES_COUNT)
def _texture(number: int) -> npt.NDArray[np.float32]:
    """A tile of random relief with the spectrum of ground and rock, 1 / f^1.6, mean 0 and deviation 1, seamless."""
    generator = np.random.default_rng(number)
    frequency = np.hypot(np.fft.fftfreq(TEXTURE_PX)[:, None], np.fft.rfftfreq(TEXTURE_PX)[None, :])
    frequency[0, 0] = np.inf
    waves = np.exp(2j * np.pi * generator.random(frequency.shape)) / frequency**1.6
    relief = np.fft.irfft2(waves, (TEXTURE_PX, TEXTURE_PX))
    return np.asarray((relief - relief.mean()) / relief.std(), np.float32)


@functools.lru_cache(maxsize=TEXTURES_COUNT)
def _shades(number: int) -> Pixels:
    """The relief as shades 0 to LAYER_COLORS - 1."""
    middle = LAYER_COLORS / 2
    return np.clip(_texture(number) * LAYER_COLORS / 5 + middle, 0, LAYER_COLORS - 1).astype(np.uint8)


def _draw_scene(seed: int, width: int, height: int) -> Pixels:
    """Sky with clouds over three ridges, as palette numbers [height, width]."""
    generator = np.random.default_rng(seed)
    scene = _draw_sky(generator, width, height)
    for layer in range(LAYERS):
        ridge = _draw_ridge(generator, width, height, 0.35 + 0.2 * layer)
        top = int(ridge.min())
        shades = _tile(_shades(layer), generator, width, height - top)
        below = np.arange(top, height, dtype=np.int32)[:, None] >= ridge[None, :]
        np.copyto(scene[top:], shades + np.uint8(SKY_COLORS + layer * LAYER_COLORS), where=below)
    return scene


def _draw_sky(generator: np.random.Generator, width: int, height: int) -> Pixels:
    """Brightness that falls to the top, with a few soft clouds and grain of one shade."""
    down = np.linspace(0.15, 1.0, 48)[:, None]
    along = np.linspace(0, 1, 64)[None, :]
    sky = down + 0 * along
    for _ in range(6):
        x, y, wide = generator.random(3)
        sky = sky + 0.35 * generator.normal() * np.exp(
            -(((along - x) / (0.08 + wide / 4)) ** 2 + ((down - y) / 0.12) ** 2)
        )
    shades = ((sky - sky.min()) / np.ptp(sky) * (SKY_COLORS - 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(shades).resize((width, height), Image.Resampling.BILINEAR))
    grain = _tile(
        generator.integers(0, 3, (TEXTURE_PX, TEXTURE_PX), dtype=np.uint8), generator, width, height
    )
    return smooth + grain


def _draw_ridge(
    generator: np.random.Generator, width: int, height: int, middle: float
) -> npt.NDArray[np.int32]:
    """The first row of a ridge for each column: a random walk of sines."""
    along = np.linspace(0, 1, width)
    line = np.full(width, middle + generator.normal(0, 0.04))
    for octave in range(7):
        line += (
            0.09
            / 2**octave
            * np.sin(2 * np.pi * (2**octave * along * (0.6 + generator.random()) + generator.random()))
        )
    return np.asarray(np.clip(line, 0.12, 0.95) * height, np.int32)


def _tile(tile: npt.NDArray[np.uint8], generator: np.random.Generator, width: int, height: int) -> Pixels:
    """Cover an area with a seamless tile from a random start."""
    down, along = generator.integers(0, TEXTURE_PX, 2)
    rows = np.arange(down, down + height) % TEXTURE_PX
    wide = np.tile(np.roll(tile, -along, axis=1), (1, -(-width // TEXTURE_PX)))[:, :width]
    covered: Pixels = wide[rows]
    return covered


def _palette(seed: int, fault: str) -> Pixels:
    """The 256 colors of one photo, [256, 3], with its exposure and contrast."""
    generator = np.random.default_rng(seed + 1)
    sky = _blend(
        generator.uniform((50, 90, 150), (90, 130, 190)),
        generator.uniform((190, 200, 205), (235, 232, 228)),
        SKY_COLORS,
    )
    layers = []
    for layer in range(LAYERS):
        light = generator.uniform((110, 120, 90), (205, 205, 170)) * (1 - 0.12 * layer)
        layers.append(_blend(light * 0.08, light, LAYER_COLORS))
    colors = np.concatenate([sky, *layers])
    exposed = {
        "underexposed": colors * 0.4,
        "overexposed": 15 + colors * 2.3,
        "flat": 90 + colors * 0.45,
    }.get(fault, colors)
    return np.clip(exposed, 0, 255).astype(np.uint8)


def _blend(
    dark: npt.NDArray[np.float64], light: npt.NDArray[np.float64], count: int
) -> npt.NDArray[np.float64]:
    return dark + (light - dark) * np.linspace(0, 1, count)[:, None]


def _encode_png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _add_exif(data: bytes, seed: int, *, is_adobe_rgb: bool) -> bytes:
    """Put an EXIF block behind the first marker of a JPEG: camera, date, color space."""
    exif = Image.Exif()
    exif[271], exif[272] = CAMERA
    minutes = seed % 1000
    inner = exif.get_ifd(34665)
    inner[36867] = f"2026:05:{1 + minutes // 60 % 28:02d} {8 + minutes // 60 % 12:02d}:{minutes % 60:02d}:00"
    inner[40961] = 65535 if is_adobe_rgb else 1
    inner[40965] = {1: "R03" if is_adobe_rgb else "R98"}
    block = b"Exif\x00\x00" + exif.tobytes().removeprefix(b"Exif\x00\x00")
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
