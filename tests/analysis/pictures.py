"""Makes the files that the tests of the decoder need."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

WIDTH_PX, HEIGHT_PX = 400, 300


def draw_random(mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of 400 x 300 random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode_image(image: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a file that Pillow writes."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def forge_png(width_px: int, height_px: int) -> bytes:
    """A PNG of a few bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def repeat_scan(jpeg: bytes, times: int) -> bytes:
    """A JPEG that is read again and again: its last scan comes many times."""
    scan = jpeg[jpeg.rindex(b"\xff\xda") : jpeg.rindex(b"\xff\xd9")]
    return jpeg[: jpeg.rindex(b"\xff\xd9")] + scan * times + b"\xff\xd9"


def set_sampling(jpeg: bytes, factors: int) -> bytes:
    """The same JPEG whose frame header claims other sampling factors for its first component."""
    changed = bytearray(jpeg)
    changed[jpeg.index(b"\xff\xc0") + 11] = factors
    return bytes(changed)


def build_profile(name: str) -> bytes:
    """A display profile, ICC version 2, with the primaries of Display P3 and a gamma of 2.2, under any name."""
    primaries = {
        b"rXYZ": (0.5151, 0.2412, -0.0011),
        b"gXYZ": (0.2920, 0.6922, 0.0419),
        b"bXYZ": (0.1571, 0.0666, 0.7841),
        b"wtpt": (0.9642, 1.0, 0.8249),
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(2.2 * 256))
    text = name.encode() + b"\0"
    tags = {
        key: b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)
        for key, values in primaries.items()
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    return _join_profile(tags)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _join_profile(tags: dict[bytes, bytes]) -> bytes:
    offset, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for key, body in tags.items():
        padded = body + bytes(-len(body) % 4)
        table += key + struct.pack(">II", offset + len(bodies), len(body))
        bodies += padded
    size = offset + len(bodies)
    white = b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    header = struct.pack(
        ">I4sI4s4s4s12s4s", size, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp"
    )
    return header + bytes(28) + white + bytes(128 - 80) + struct.pack(">I", len(tags)) + table + bodies
