"""Reads the few EXIF fields that a verdict or a page needs, and trusts none of them."""

from dataclasses import dataclass

from PIL import Image, TiffImagePlugin

from processing.analysis.records import UNTOLD, Exposure, pass_on_trouble

ORIENTATION, MAKE, MODEL, TAKEN_AT, COLOR_SPACE, INTEROPERABILITY = 274, 271, 272, 36867, 40961, 1
EXPOSURE_TIME, F_NUMBER, ISO_SPEED, FOCAL_LENGTH, LENS_MODEL = 33434, 33437, 34855, 37386, 42036
EXIF_FOLDER, INTEROPERABILITY_FOLDER = 34665, 40965
# No shutter, aperture, sensitivity or focal length is longer than this; ISO 4,000,000 was sold.
NUMBER_MAX = 10_000_000
TEXT_LENGTH_MAX = 80
UNCALIBRATED = 65535


@dataclass(frozen=True, slots=True)
class Told:
    """What the EXIF block says; orientation 1 to 8, texts without NUL, surrogates and control characters."""

    orientation: int = 1
    camera: str = ""
    taken_at: str = ""
    adobe_rgb: bool = False
    exposure: Exposure = UNTOLD


def read_exif(block: bytes) -> Told:
    """Read an EXIF block; one that cannot be read says nothing."""
    if not block:
        return Told()
    try:
        return _read(block)
    except Exception as error:  # noqa: BLE001 -- a decoder's edge: a bad block raises nearly anything
        pass_on_trouble(error)
        return Told()


def _read(block: bytes) -> Told:
    exif = Image.Exif()
    exif.load(block)
    inner = exif.get_ifd(EXIF_FOLDER)
    orientation = exif.get(ORIENTATION, 1)
    uncalibrated = inner.get(COLOR_SPACE) == UNCALIBRATED
    marked = str(exif.get_ifd(INTEROPERABILITY_FOLDER).get(INTEROPERABILITY, ""))
    return Told(
        orientation=orientation if orientation in range(1, 9) else 1,
        camera=_name_camera(clean_text(exif.get(MAKE, "")), clean_text(exif.get(MODEL, ""))),
        taken_at=clean_text(inner.get(TAKEN_AT, "")),
        adobe_rgb=uncalibrated and marked.startswith("R03"),
        exposure=Exposure(
            clean_text(inner.get(LENS_MODEL, "")),
            *(_number(inner.get(tag)) for tag in (EXPOSURE_TIME, F_NUMBER, ISO_SPEED, FOCAL_LENGTH)),
        ),
    )


def _number(value: object) -> float | None:
    """Turn a value into a positive number of four digits; of several the first; None when it is none."""
    first = value[0] if isinstance(value, tuple) and value else value
    if isinstance(first, bool) or not isinstance(first, int | float | TiffImagePlugin.IFDRational):
        return None
    try:
        number = float(first)
    except (ArithmeticError, ValueError):
        return None
    return float(f"{number:.4g}") if 0 < number <= NUMBER_MAX else None


def _name_camera(make: str, model: str) -> str:
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def clean_text(value: object) -> str:
    """Turn any metadata value into a short line without NUL, lone surrogates and control characters."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    kept = "".join(c if c.isprintable() else " " for c in text[: TEXT_LENGTH_MAX * 4])
    return " ".join(kept.split())[:TEXT_LENGTH_MAX]
