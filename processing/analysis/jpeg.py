"""Reads the marker segments of a JPEG without decoding it."""

import re
import struct
from dataclasses import dataclass, field

START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
START_OF_SCAN = 0xDA
END_OF_IMAGE = 0xD9
QUANTIZATION = 0xDB
APP1, APP2 = 0xE1, 0xE2
EXIF_START = b"Exif\x00\x00"
ICC_START = b"ICC_PROFILE\x00"
SEGMENTS_MAX = 10_000
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass(slots=True)
class Header:
    """What the markers say: size in pixels as stored, number of scans, tables in zigzag order."""

    width_px: int = 0
    height_px: int = 0
    components: int = 0
    bits: int = 8
    scans: int = 0
    ended: bool = False
    exif: bytes = b""
    icc: bytes = b""
    tables: dict[int, list[int]] = field(default_factory=dict)


def read_header(data: bytes, scans_max: int) -> Header:
    """Walk the segments up to the end of the image, or until scans_max scans were passed.

    Raises ValueError when the bytes are not a chain of JPEG segments.
    """
    header = Header()
    icc: dict[int, bytes] = {}
    position = 2
    for _ in range(SEGMENTS_MAX):
        marker, position = _next_marker(data, position)
        if marker is None or marker == END_OF_IMAGE:
            header.ended = marker == END_OF_IMAGE
            break
        if marker in ALONE:
            continue
        segment, position = _segment(data, position)
        _take(header, icc, marker, segment)
        if marker == START_OF_SCAN:
            header.scans += 1
            if header.scans > scans_max:
                break
    header.icc = b"".join(icc[number] for number in sorted(icc))
    if header.width_px == 0 or header.scans == 0:
        raise ValueError("no frame header or no scan")
    return header


def _next_marker(data: bytes, position: int) -> tuple[int | None, int]:
    """Find the next marker, passing over entropy-coded bytes, stuffing, fill and restarts."""
    found = MARKER.search(data, position)
    if found is None:
        return None, len(data)
    return data[found.end() - 1], found.end()


def _segment(data: bytes, position: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[position : position + 2], "big")
    if length < 2:
        return b"", position
    return data[position + 2 : position + length], position + length


def _take(header: Header, icc: dict[int, bytes], marker: int, segment: bytes) -> None:
    if marker in START_OF_FRAME and header.width_px == 0 and len(segment) >= 6:
        header.bits, header.height_px, header.width_px, header.components = struct.unpack(
            ">BHHB", segment[:6]
        )
    elif marker == QUANTIZATION:
        header.tables.update(_tables(segment))
    elif marker == APP1 and segment.startswith(EXIF_START) and not header.exif:
        header.exif = segment
    elif marker == APP2 and segment.startswith(ICC_START) and len(segment) > 14:
        icc[segment[12]] = segment[14:]


def _tables(segment: bytes) -> dict[int, list[int]]:
    tables: dict[int, list[int]] = {}
    while segment:
        wide, number = segment[0] >> 4, segment[0] & 15
        size = 129 if wide else 65
        if len(segment) < size:
            break
        tables[number] = list(struct.unpack(">64H" if wide else "64B", segment[1:size]))
        segment = segment[size:]
    return tables


# Mean of the luminance table of Annex K of ITU-T T.81, which is quality 50 in the libjpeg scale.
ANNEX_K_MEAN = 57.625


def estimate_quality(tables: dict[int, list[int]]) -> float | None:
    """Quality 1 to 100 in the scale of libjpeg (jcparam.c, jpeg_quality_scaling) from the first table's mean; None without one."""
    if 0 not in tables:
        return None
    scale = 100.0 * (sum(tables[0]) / 64.0) / ANNEX_K_MEAN
    quality = (200.0 - scale) / 2.0 if scale <= 100.0 else 5000.0 / scale
    return min(100.0, max(1.0, quality))
