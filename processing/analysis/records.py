"""What is known of one photo once it was looked at; nothing here needs numpy, torch or Pillow."""

from dataclasses import dataclass

Spot = tuple[int, int]


# How libraries that know no MemoryError say that they were given none: libjpeg, libheif, C++, the C library.
MEMORY_SHORT = (
    "Insufficient memory",
    "Memory allocation error",
    "bad_alloc",
    "Out of memory",
    "Cannot allocate memory",
)
# What libwebp and dav1d say both of damaged bytes and for want of memory.
MEMORY_PERHAPS_SHORT = ("could not create decoder object", "Decoding of color planes failed")
# What they take for the largest picture that is opened at all; pages that nobody touches cost nothing.
ROOM_BYTES = 960_000_000


def pass_on_trouble(error: Exception) -> None:
    """Raise what says nothing of the photo: an error of the system (errno is set), or MemoryError.

    What a decoder itself makes of bad bytes is an OSError too, but without a number; and most decoders have words of
    their own for want of memory. Where those are the words for damage too, room for a picture must be to be had.
    test: test_error_of_the_system_is_never_a_photos_verdict_when_a_decoder_meets_it.
    """
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
        raise error
    text = str(error)
    if any(words in text for words in MEMORY_SHORT):
        raise MemoryError(text) from error
    if any(words in text for words in MEMORY_PERHAPS_SHORT):
        bytes(ROOM_BYTES)


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
