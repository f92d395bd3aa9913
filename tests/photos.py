"""Draws small photos with known faults: clean ones pass the Adobe Stock preset, each fault gives its one reason.

2600 x 1700 is just large enough for the preset; a smaller photo is also too_small. Drawing one takes 50 ms.
"""

from pathlib import Path

from processing.analysis import samples

# What the Adobe Stock preset finds in a photo, before photos are compared.
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
DRAWN_AS = {
    "blur": "blurred",
    "noise": "noisy",
    "dark": "underexposed",
    "bright": "overexposed",
    "blocks": "compressed",
    None: "clean",
}
SMALL_PX = (1200, 800)


def draw_photo(
    *, width: int = 2600, height: int = 1700, seed: int = 0, fault: str | None = None
) -> samples.Pixels:
    """Draw one photo's pixels [height, width, 3] with a fault that lives in pixels, or none."""
    size_px = (min(width, SMALL_PX[0]), min(height, SMALL_PX[1])) if fault == "small" else (width, height)
    return samples.draw_pixels(seed, DRAWN_AS.get(fault, fault or "clean"), size_px)


def encode_photo(pixels: samples.Pixels, *, seed: int = 0, fault: str | None = None) -> bytes:
    """Encode pixels as the file that a camera would write, with a fault that lives in the file, or none."""
    return b"" if fault == "empty" else samples.encode(pixels, seed, DRAWN_AS.get(fault, fault or "clean"))


def write_photo(
    path: Path, *, width: int = 2600, height: int = 1700, seed: int = 0, fault: str | None = None
) -> list[str]:
    """Write one photo; gives the reason codes that the Adobe Stock preset finds in it, before photos are compared."""
    pixels = draw_photo(width=width, height=height, seed=seed, fault=fault)
    path.write_bytes(encode_photo(pixels, seed=seed, fault=fault))
    return FAULTS[fault] if fault else []
