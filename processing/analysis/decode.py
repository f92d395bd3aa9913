"""Turns the bytes of one photo into pixels and facts, or refuses them with a reason."""

import io
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pillow_heif
import simplejpeg
from PIL import Image, ImageFile, UnidentifiedImageError

from processing.analysis import colors, jpeg, metadata
from processing.analysis.records import Facts, PhotoRefused, pass_on_trouble

Pixels = npt.NDArray[np.uint8]
# Our own limits hold before anything is decoded; Pillow's warning would only be a second, softer one.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
pillow_heif.register_heif_opener()
# Now, since Pillow loads a decoder at its first photo, and calls it not installed for ever if memory is short then.
Image.init()
# TurboJPEG's complaint about chroma sampling that is unusual and yet allowed.
ODD_SAMPLING = "subsampling"
KEPT_BYTES_MAX = 200_000_000
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L"})
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "HEIF", "AVIF", "GIF", "BMP")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is never decoded, whatever a preset allows: the guard against bombs, not a rule of an agency."""

    bytes_max: int = 200_000_000
    pixels_max: int = 120_000_000
    scans_max: int = 100
    frames_max: int = 100


@dataclass(slots=True)
class Frame:
    """Stored pixels, [rows, columns, 3], valid until the thread's next decode; damage names lost data."""

    pixels: Pixels
    facts: Facts
    icc: bytes = b""
    damage: str = ""


@dataclass(slots=True)
class _Opened:
    """Pixels as a decoder gave them, with what its container said."""

    pixels: Pixels
    format: str
    mode: str
    icc: bytes = b""
    exif: bytes = b""
    damage: str = ""
    quality: float | None = None


# By thread, so that another one can let go of all of them.
_buffers: dict[int, Pixels] = {}


def decode(data: bytes, limits: Limits) -> Frame:
    """Decode one photo's bytes.

    Raises PhotoRefused: file_too_big, too_large (pixels, scans, frames), truncated or unreadable.
    """
    if len(data) > limits.bytes_max:
        raise PhotoRefused("file_too_big", len(data), limits.bytes_max, f"The file holds {len(data)} bytes.")
    if not data:
        raise PhotoRefused("unreadable", None, None, "The file is empty.")
    opened = _open_jpeg(data, limits) if data.startswith(b"\xff\xd8") else _open_other(data, limits)
    return Frame(opened.pixels, _gather(opened, len(data)), opened.icc, opened.damage)


def _gather(opened: _Opened, bytes_count: int) -> Facts:
    told = metadata.read_exif(opened.exif)
    height_px, width_px = opened.pixels.shape[:2]
    if told.orientation >= 5:
        height_px, width_px = width_px, height_px
    return Facts(
        format=opened.format,
        width_px=width_px,
        height_px=height_px,
        bytes_count=bytes_count,
        color_space=_name_space(opened, told),
        camera=told.camera,
        taken_at=told.taken_at,
        orientation=told.orientation,
        quality=opened.quality,
        exposure=told.exposure,
    )


def _name_space(opened: _Opened, told: metadata.Told) -> str:
    if opened.mode in ("CMYK", "gray"):
        return opened.mode
    if opened.icc:
        return colors.name_profile(opened.icc)
    return "Adobe RGB" if told.adobe_rgb else "sRGB"


def _check_size(width_px: int, height_px: int, times: int, times_max: int, limits: Limits) -> None:
    """Refuse what would take too much memory (pixels) or time (pixels times scans or frames)."""
    pixels = width_px * height_px
    if pixels > limits.pixels_max:
        text = f"{width_px} x {height_px} pixels are more than this program opens."
        raise PhotoRefused("too_large", pixels / 1e6, limits.pixels_max / 1e6, text)
    if times > times_max:
        text = f"More than {times_max} scans or frames of {width_px} x {height_px} pixels."
        raise PhotoRefused("too_large", pixels * times / 1e6, pixels * times_max / 1e6, text)


def _buffer(size_bytes: int) -> Pixels:
    """Lend this thread's buffer: a fresh one costs 18 ms of page faults at 24 MP."""
    kept = _buffers.get(threading.get_ident())
    if kept is not None and kept.size >= size_bytes:
        return kept[:size_bytes]
    fresh = np.empty(size_bytes, np.uint8)
    if size_bytes <= KEPT_BYTES_MAX:
        _buffers[threading.get_ident()] = fresh
    return fresh


def free_buffers() -> None:
    """Let go of every thread's buffer, while none decodes: two photos' worth would be kept where one has to do."""
    _buffers.clear()


def _open_jpeg(data: bytes, limits: Limits) -> _Opened:
    try:
        header = jpeg.read_header(data, limits.scans_max)
    except ValueError as error:
        return _open_other(data, limits, _cut(data, str(error)))
    _check_size(header.width_px, header.height_px, header.scans, limits.scans_max, limits)
    mode = {1: "gray", 3: "RGB", 4: "CMYK"}.get(header.components, "RGB")
    if mode == "CMYK" or header.height_px == 0:
        opened = _open_other(data, limits)
        opened.mode = mode
    else:
        pixels, damage = _decode_jpeg(data, header, limits)
        opened = _Opened(pixels, "JPEG", mode, damage=damage)
    opened.icc, opened.exif = header.icc, header.exif
    opened.quality = jpeg.estimate_quality(header.tables)
    return opened


def _decode_jpeg(data: bytes, header: jpeg.Header, limits: Limits) -> tuple[Pixels, str]:
    """Decode strictly; what only a lenient decoder takes is damaged, unless only its chroma sampling is odd."""
    buffer = _buffer(header.width_px * header.height_px * 3)
    complaint = ""
    for strict in (True, False):
        try:
            return simplejpeg.decode_jpeg(data, buffer=buffer, strict=strict), complaint
        except Exception as error:  # noqa: BLE001 -- a decoder's edge: a bad photo raises nearly anything
            pass_on_trouble(error)
            text = f"{type(error).__name__}: {error}"
            complaint = "" if ODD_SAMPLING in text and header.ended else text
    refused = _cut(data, complaint) if complaint else None
    return _open_other(data, limits, refused).pixels, complaint


def _cut(data: bytes, text: str) -> PhotoRefused:
    """Tell a cut JPEG, which begins well and has no end, from bytes that never were one."""
    cut = data.startswith(b"\xff\xd8\xff") and b"\xff\xd9" not in data[-2048:]
    return PhotoRefused("truncated" if cut else "unreadable", None, None, text)


def _open_other(data: bytes, limits: Limits, refused: PhotoRefused | None = None) -> _Opened:
    """Decode by Pillow; refused is what to say when Pillow cannot either."""
    try:
        return _read_pillow(data, limits)
    except PhotoRefused:
        raise
    except Exception as error:
        pass_on_trouble(error)
        if refused is not None:
            raise refused from error
        # Pillow's own text names an address in memory, so it would differ from run to run.
        unknown = isinstance(error, UnidentifiedImageError)
        text = (
            "These bytes are no picture that is known here."
            if unknown
            else f"{type(error).__name__}: {error}"
        )
        code = "truncated" if "truncated" in text.lower() else "unreadable"
        raise PhotoRefused(code, None, None, text) from error


def _read_pillow(data: bytes, limits: Limits) -> _Opened:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        frames_count = getattr(image, "n_frames", 1)
        _check_size(image.width, image.height, frames_count, limits.frames_max, limits)
        if image.format == "PNG":
            _verify(data)
        image.load()
        mode = image.mode
        icc, exif = (_read_bytes(image, name) for name in ("icc_profile", "exif"))
        return _Opened(_to_pixels(image), image.format or "", _name_mode(mode), icc, exif)


def _name_mode(mode: str) -> str:
    return "CMYK" if mode == "CMYK" else "gray" if mode in GRAY_MODES else "RGB"


def _read_bytes(image: Image.Image, name: str) -> bytes:
    value = image.info.get(name)
    return value if isinstance(value, bytes) else b""


def _to_pixels(image: Image.Image) -> Pixels:
    """Bring any mode to 8-bit RGB; transparent parts lose their transparency, 16-bit gray its lower byte."""
    if image.mode in ("I;16", "I;16B", "I;16L"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _verify(data: bytes) -> None:
    """Check every chunk of a PNG: load() accepts a bad checksum and a missing end."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.verify()
