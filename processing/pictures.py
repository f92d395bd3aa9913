"""What is kept beside a result for the eye: thumbnails, crops and details."""

from dataclasses import dataclass

from processing.models import ImageResult


@dataclass(frozen=True, slots=True)
class Details:
    """Spots (x, y) and crops (x, y, width, height) in upright pixels per reason code, EXIF facts, 3 x 64 bins."""

    spots: dict[str, tuple[int, int]]
    crops: dict[str, tuple[int, int, int, int]]
    facts: dict[str, str | int | float]
    histogram: dict[str, list[int]]


def details_of(_result: ImageResult) -> Details | None:
    """Give what was kept of a photo; None when nothing was."""
    return None


def has_thumbnail(_result: ImageResult) -> bool:
    """Whether a thumbnail was kept."""
    return False
