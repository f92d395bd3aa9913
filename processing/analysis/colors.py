"""Names an embedded color profile and brings sampled pixels to sRGB."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from processing.analysis.records import pass_on_trouble

Pixels = npt.NDArray[np.uint8]
KNOWN = (
    ("adobe rgb", "Adobe RGB"),
    ("adobergb", "Adobe RGB"),
    ("display p3", "Display P3"),
    ("prophoto", "ProPhoto RGB"),
    ("romm", "ProPhoto RGB"),
    ("rec. 2020", "Rec. 2020"),
    ("bt.2020", "Rec. 2020"),
    ("srgb", "sRGB"),
    ("iec61966", "sRGB"),
)
UNKNOWN = "other"


def name_profile(icc: bytes) -> str:
    """Name the profile by its description: "sRGB", "Adobe RGB", "Display P3" …, "other" when nobody knows it."""
    try:
        description = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except Exception as error:  # noqa: BLE001 -- a decoder's edge: a bad profile raises nearly anything
        pass_on_trouble(error)
        return UNKNOWN
    lowered = description.lower()
    return next((name for word, name in KNOWN if word in lowered), UNKNOWN)


def to_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """Convert a [rows, columns, 3] sample to sRGB; a profile that cannot be used leaves it as it is."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("sRGB")
        turned = ImageCms.profileToProfile(Image.fromarray(pixels), profile, target, outputMode="RGB")
    except Exception as error:  # noqa: BLE001 -- a decoder's edge: a bad profile raises nearly anything
        pass_on_trouble(error)
        return pixels
    return pixels if turned is None else np.array(turned)
