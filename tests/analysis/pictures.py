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
