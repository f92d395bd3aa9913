"""What people look at: a thumbnail, a histogram, and 100 % crops of the worst places, made while the frame is there.

Which places a verdict needs is known only when the frame is gone. Kept is therefore a color crop around the worst
place of each reason that has one: at most five of 480 x 480 pixels, 3.5 MB, whatever the photo's size, and 0.5 ms to
copy. To decode rejected photos once more would cost their whole decoding time again; color instead of gray in all 48
tiles would be three times the memory of a photo that waits for the device, for crops of 256 pixels; and to keep the
frames is 70 MB a photo. Only crops of reasons that a verdict gives are ever encoded. Low contrast and strong colors are
measured over the whole photo and have no worst place: the thumbnail shows them.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from processing.analysis import colors
from processing.analysis.cutting import Cut, as_items
from processing.analysis.decode import Frame
from processing.analysis.findings import turn_spot
from processing.analysis.records import Spot
from processing.analysis.spots import find_spots

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
THUMBNAIL_PX = 480
CROP_PX = 480
# The thumbnail averages about 1.5 x 1.5 single pixels of the photo for each of its own: all would take 20 ms.
SAMPLES_PER_PX = 1.5
BINS = 64
# Quality and chroma sampling: a crop must not show faults that the photo does not have.
THUMBNAIL_JPEG, CROP_JPEG = (82, "420"), (92, "444")
PLAIN_SPACES = ("sRGB", "CMYK", "gray")


@dataclass(frozen=True, slots=True)
class Crop:
    """A JPEG of a place at 100 %: box (x, y, width, height) and spot (x, y) are in upright pixels."""

    data: bytes
    box: Box
    spot: Spot


@dataclass(frozen=True, slots=True)
class _Place:
    """Unturned pixels around a point, both as stored; x and y are the corner."""

    spot: Spot
    x: int
    y: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Pictures:
    """One photo's pictures; histogram: 64 counts per channel; places by reason code, not encoded yet."""

    thumbnail: bytes
    histogram: dict[str, list[int]]
    places: dict[str, _Place]
    size_px: tuple[int, int]
    orientation: int
    icc: bytes

    def encode_crops(self, codes: Collection[str]) -> dict[str, Crop]:
        """Encode the crop of each reason that has a place, upright and in sRGB."""
        return {code: self._encode(self.places[code]) for code in codes if code in self.places}

    def _encode(self, place: _Place) -> Crop:
        height, width = place.pixels.shape[:2]
        opposite = (place.x + width - 1, place.y + height - 1)
        (x, y), (far_x, far_y) = (
            turn_spot(corner, self.size_px, self.orientation) for corner in ((place.x, place.y), opposite)
        )
        data = _encode(place.pixels, self.orientation, self.icc, CROP_JPEG)
        box = (min(x, far_x), min(y, far_y), abs(x - far_x) + 1, abs(y - far_y) + 1)
        return Crop(data, box, turn_spot(place.spot, self.size_px, self.orientation))


def needed_profile(frame: Frame) -> bytes:
    """Give the color profile that stands between a frame's pixels and sRGB; none in most photos."""
    return b"" if frame.facts.color_space in PLAIN_SPACES else frame.icc


def take_pictures(frame: Frame, cut: Cut) -> Pictures:
    """Take from a frame what people look at; `cut` is of the same frame, its sample in sRGB by now."""
    icc, orientation = needed_profile(frame), frame.facts.orientation
    thumbnail = _encode(_reduce(frame.pixels), orientation, icc, THUMBNAIL_JPEG)
    places = _take_places(frame.pixels, find_spots(cut))
    return Pictures(thumbnail, _count_histogram(cut.sample), places, cut.size_px, orientation, icc)


def _reduce(pixels: Pixels) -> Pixels:
    """Reduce to 480 pixels on the longer edge, at least 1 on the other; a smaller photo stays as it is."""
    longer = max(pixels.shape[:2])
    step = max(1, round(longer / (THUMBNAIL_PX * SAMPLES_PER_PX)))
    picked = np.ascontiguousarray(as_items(pixels)[::step, ::step])
    sampled = picked.view(np.uint8).reshape(*picked.shape, 3)
    if longer <= THUMBNAIL_PX:
        return sampled
    height, width = (max(1, round(length * THUMBNAIL_PX / longer)) for length in pixels.shape[:2])
    return np.asarray(Image.fromarray(sampled).resize((width, height), Image.Resampling.BOX))


def _take_places(pixels: Pixels, spots: dict[str, Spot]) -> dict[str, _Place]:
    taken: dict[Spot, _Place] = {}
    return {code: taken.setdefault(spot, _take_place(pixels, spot)) for code, spot in spots.items()}


def _take_place(pixels: Pixels, spot: Spot) -> _Place:
    """Copy what lies around a point; near a border the crop is moved, in a small photo it is smaller."""
    height, width = pixels.shape[:2]
    x, y = (
        max(0, min(middle - CROP_PX // 2, length - CROP_PX))
        for middle, length in zip(spot, (width, height), strict=True)
    )
    return _Place(spot, x, y, pixels[y : y + CROP_PX, x : x + CROP_PX].copy())


def _encode(pixels: Pixels, orientation: int, icc: bytes, how: tuple[int, str]) -> bytes:
    """Make an upright JPEG in sRGB, without any metadata."""
    upright = np.ascontiguousarray(turn_pixels(pixels, orientation))
    plain = colors.to_srgb(upright, icc) if icc else upright
    quality, sampling = how
    data: bytes = simplejpeg.encode_jpeg(plain, quality=quality, colorsubsampling=sampling)
    return data


def turn_pixels(pixels: Pixels, orientation: int) -> Pixels:
    """Turn stored pixels upright, EXIF orientation 1 to 8, as findings.turn_spot turns a point."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels


def _count_histogram(sample: Pixels) -> dict[str, list[int]]:
    counts = np.asarray(Image.fromarray(sample).histogram()).reshape(3, BINS, -1).sum(axis=2)
    return dict(zip(("red", "green", "blue"), counts.tolist(), strict=True))
