"""Whether this machine can do the arithmetic: run as a program it prints one JSON line per check."""

import json
import sys
from base64 import b64decode
from collections.abc import Mapping

import numpy as np
import simplejpeg

from processing.analysis.decode import Limits, decode
from processing.analysis.devices import name_device, open_device
from processing.analysis.records import PhotoRefused

SIDE_PX = 16
# Pictures of 16 x 16 gray pixels; kept as bytes because a decoder may be there without its encoder.
PICTURES = {
    "PNG": (
        "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAGUlEQVR4nGNsaGhgIAUwkaR6VMOohiGlAQDJTAGg"
        "LgFHggAAAABJRU5ErkJggg=="
    ),
    "TIFF": (
        "SUkqADgAAACAICBQOCQWDQeEQmFQuGQ2HQ+IRGJROKRWLReMRmNRuOR2PR+QSGRSOSSWTRuAgAAKAAABAwABAAAA"
        "EAAAAAEBAwABAAAAEAAAAAIBAwADAAAAtgAAAAMBAwABAAAABQAAAAYBAwABAAAAAgAAABEBBAABAAAACAAAABUB"
        "AwABAAAAAwAAABYBAwABAAAAEAAAABcBBAABAAAALwAAABwBAwABAAAAAQAAAAAAAAAIAAgACAA="
    ),
    "WEBP": ("UklGRiQAAABXRUJQVlA4IBgAAABQAQCdASoQABAAAUAmJaQABHQAAORAAAA="),
    "HEIF": (
        "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
        "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAABwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
        "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34"
        "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm"
        "4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAA"
        "AChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAA"
        "AAAAAQABBYECAwWEAAAAJG1kYXQAAAAYKAGvBBI43PiVoJIwrOcvPKFe3uCR8IqA"
    ),
    "AVIF": (
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAA"
        "AAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAHwAAAChpaW5mAAAA"
        "AAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAA"
        "AAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQB"
        "AoMEAAAAJ21kYXQSAAoJGAz/2iAhoNCAMhAex4eFWd///+LAAAB1fWZY"
    ),
}


def check_device(wanted: str) -> tuple[str, str]:
    """Open the device that the settings name; gives what it is, and a hint when it is not there."""
    try:
        device = open_device(wanted)
    except ValueError as error:
        return str(error), "Correct STOCKPROOF_DEVICE."
    return f"{device} ({name_device(device)})", ""


def check_decoders(pictures: Mapping[str, str] = PICTURES) -> tuple[str, str]:
    """Decode one small picture of each format; gives what was decoded, and a hint when one was not."""
    jpeg = simplejpeg.encode_jpeg(np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8))
    by_format = {"JPEG": jpeg, **{name: b64decode(text) for name, text in pictures.items()}}
    broken = [name for name, data in by_format.items() if not _is_decoded(data)]
    if broken:
        return f"Not decoded: {', '.join(broken)}.", "Install the packages of constraints.txt again."
    return f"Decoded: {', '.join(by_format)}.", ""


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
