"""Whether this machine can do the arithmetic: run as a program it prints one JSON line per check."""

import io
import json
import sys
from collections.abc import Iterator

import numpy as np
import simplejpeg
from PIL import Image

from processing.analysis.decode import Limits, decode
from processing.analysis.devices import name_device, open_device
from processing.analysis.records import PhotoRefused

SIDE_PX = 64
PILLOW_FORMATS = ("PNG", "TIFF", "WEBP", "HEIF", "AVIF")


def check_device(wanted: str) -> tuple[str, str]:
    """Open the device that the settings name; gives what it is, and a hint when it is not there."""
    try:
        device = open_device(wanted)
    except ValueError as error:
        return str(error), "Correct STOCKPROOF_DEVICE."
    return f"{device} ({name_device(device)})", ""


def check_decoders() -> tuple[str, str]:
    """Decode one small picture of each format, made here; gives what was decoded, and a hint when one was not."""
    broken = [name for name, data in _pictures() if not _is_decoded(data)]
    if broken:
        return f"Not decoded: {', '.join(broken)}.", "Install the packages of constraints.txt again."
    return f"Decoded: JPEG, {', '.join(PILLOW_FORMATS)}.", ""


def _pictures() -> Iterator[tuple[str, bytes]]:
    pixels = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    yield "JPEG", simplejpeg.encode_jpeg(pixels)
    for name in PILLOW_FORMATS:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, name)
        yield name, file.getvalue()


def _is_decoded(data: bytes) -> bool:
    try:
        return decode(data, Limits()).pixels.shape == (SIDE_PX, SIDE_PX, 3)
    except PhotoRefused:
        return False


def main(wanted: str) -> None:
    """Print a line per check."""
    for name, (text, hint) in (("device", check_device(wanted)), ("decoders", check_decoders())):
        sys.stdout.write(json.dumps({"name": name, "text": text, "hint": hint}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
