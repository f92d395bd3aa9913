"""What is known of one photo once it was looked at; nothing here needs numpy, torch or Pillow."""

from dataclasses import dataclass

Spot = tuple[int, int]


def pass_on_trouble(error: Exception) -> None:
    """Raise an error again that says nothing of the photo: out of memory, or one of the system (errno is set).

    What a decoder itself makes of bad bytes is an OSError too, but without a number.
    test: test_error_of_the_system_is_never_a_photos_verdict_when_a_decoder_meets_it.
    """
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
        raise error


class PhotoRefused(Exception):
    """A photo that cannot be measured: code is a reason code, measured and limit are in that reason's unit."""

    def __init__(self, code: str, measured: float | None, limit: float | None, text: str) -> None:
        super().__init__(code, measured, limit, text)
        self.code = code
        self.measured = measured
        self.limit = limit
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a photo was taken, as its EXIF block says; None and "" where it says nothing, or nothing sane."""

    lens: str = ""
    shutter_s: float | None = None
    aperture: float | None = None
    iso: float | None = None
    focal_mm: float | None = None


UNTOLD = Exposure()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a photo says of itself; width and height are upright, after EXIF orientation."""

    format: str
    width_px: int
    height_px: int
    bytes_count: int
    color_space: str
    camera: str = ""
    taken_at: str = ""
    orientation: int = 1
    quality: float | None = None
    exposure: Exposure = UNTOLD

    @property
    def megapixels(self) -> float:
        """Width times height in millions of pixels."""
        return self.width_px * self.height_px / 1e6


@dataclass(frozen=True, slots=True)
class Measured:
    """One photo's numbers, equal for equal bytes."""

    sha256: str
    facts: Facts | None
    measures: dict[str, float]
    fingerprint: bytes
    refusal: PhotoRefused | None
    damage: str = ""
