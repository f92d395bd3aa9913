"""Analyzes one photo with less and less room: `python -m tests.analysis.starving FORMAT [OPTION=VALUE …]`.

Each trial is a process of its own whose address space may grow by so many megabytes; prints what came of each as JSON.
"""

import io
import json
import os
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from processing.analysis.pipeline import Pipeline

WIDTH_PX, HEIGHT_PX = 3200, 2400
ROOMS_MB = (0, 10, 20, 30, 40, 60, 80, 100, 300)
UNLIMITED = resource.RLIM_INFINITY


def main() -> None:
    """Try every room in turn; drawn by another process, since this one would keep room that an encoder took."""
    with ProcessPoolExecutor(1) as artist:
        photo = artist.submit(draw, sys.argv[1], *sys.argv[2:]).result()
    pipeline = Pipeline("cpu")
    outcomes = {room_mb: in_child(pipeline, photo, room_mb) for room_mb in ROOMS_MB}
    sys.stdout.write(json.dumps(outcomes))


def draw(name: str, *options: str) -> bytes:
    """Draw a picture without a fault that would end its decoding early."""
    pixels = np.random.default_rng(1).integers(0, 255, (HEIGHT_PX // 8, WIDTH_PX // 8, 3), np.uint8)
    file = io.BytesIO()
    chosen = {name: int(value) for name, value in (option.split("=") for option in options)}
    Image.fromarray(pixels).resize((WIDTH_PX, HEIGHT_PX)).save(file, name, **chosen)
    return file.getvalue()


def in_child(pipeline: Pipeline, photo: bytes, room_mb: int) -> str:
    """Analyze in a fork that has only so much room, and give what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, analyze(pipeline, photo, room_mb).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        outcome = pipe.read()
    _, status = os.waitpid(child, 0)
    return outcome if status == 0 else f"died: {status}"


def analyze(pipeline: Pipeline, photo: bytes, room_mb: int) -> str:
    """Say what became of the photo: its verdict, or the error's name."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit_bytes = pages * resource.getpagesize() + room_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, UNLIMITED))
    try:
        measured = pipeline.measure([pipeline.prepare(photo)])[0]
    except MemoryError:
        return "MemoryError"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (UNLIMITED, UNLIMITED))
    return "measured" if measured.refusal is None else f"refused: {measured.refusal.text}"


if __name__ == "__main__":
    main()
