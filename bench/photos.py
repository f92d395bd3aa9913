"""The photos that are measured with: real ones where there are any, else drawn ones, as often as needed."""

import argparse
import os
import shutil
from pathlib import Path

import simplejpeg

from tests.photos import draw_photo, encode_photo

DRAWN_SEEDS = 4
MEGA = 1_000_000


def add_photos_argument(parser: argparse.ArgumentParser) -> None:
    """Let real photos be named; the default is the environment's."""
    parser.add_argument(
        "--photos",
        type=Path,
        default=os.environ.get("STOCKPROOF_PHOTOS") or None,
        help="a folder of real photos; default: STOCKPROOF_PHOTOS, else photos are drawn",
    )


def gather(folder: Path | None, place: Path, *, pixels_mp: tuple[float, float], drawn_mp: list[float]) -> str:
    """Put JPEGs of some sizes in megapixels into a folder; says in words what they are.

    Raises SystemExit when a folder of real photos is given that has none of these sizes.
    """
    place.mkdir(parents=True)
    if folder is None:
        for number, size_mp in enumerate(drawn_mp):
            _draw(place / f"{number:02}.jpg", size_mp, seed=number % DRAWN_SEEDS)
        return f"{len(drawn_mp)} drawn photos (no real ones given)"
    sizes_mp = {path: read_size_mp(path) for path in sorted(folder.rglob("*.jpg"))}
    fitting = [path for path, size in sizes_mp.items() if pixels_mp[0] <= size <= pixels_mp[1]]
    if not fitting:
        raise SystemExit(f"There is no JPEG of {pixels_mp[0]:g}-{pixels_mp[1]:g} MP in {folder}.")
    for number, path in enumerate(fitting):
        shutil.copyfile(path, place / f"{number:02}.jpg")
    return f"{len(fitting)} real photos"


def read_size_mp(path: Path) -> float:
    """Read a JPEG's size in megapixels from its header."""
    height_px, width_px = simplejpeg.decode_jpeg_header(path.read_bytes(), strict=False)[:2]
    return float(height_px * width_px / MEGA)


def _draw(path: Path, size_mp: float, *, seed: int) -> None:
    height_px = int((size_mp * MEGA / 1.5) ** 0.5)
    pixels = draw_photo(width=height_px * 3 // 2, height=height_px, seed=seed)
    path.write_bytes(encode_photo(pixels, seed=seed))


def describe(place: Path) -> str:
    """Say how large the gathered photos are in the mean."""
    paths = sorted(place.iterdir())
    mean_mp = sum(read_size_mp(path) for path in paths) / len(paths)
    mean_bytes = sum(path.stat().st_size for path in paths) / len(paths)
    return f"{mean_mp:.1f} MP and {mean_bytes / MEGA:.1f} MB in the mean"


def multiply(place: Path, copies: Path, count: int) -> None:
    """Fill a folder with hard links to the gathered photos, in turn, until there are `count`."""
    copies.mkdir(parents=True)
    originals = sorted(place.iterdir())
    for number in range(count):
        os.link(originals[number % len(originals)], copies / f"{number:05}.jpg")
