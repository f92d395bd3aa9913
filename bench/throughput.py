"""How fast is the product, all the way, against a loop that only reads and decodes, with as many processes?

Run: python -m bench.throughput [--photos DIR] [--count 400] [--workers N] [--rounds 2]. Both ways take turns,
A B A B, on the same warm files; the product's start-up is stated apart. The bar is a ratio of 0.35.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import simplejpeg

from bench.photos import add_photos_argument, describe, gather, multiply
from bench.product import ProductRun, cpu_s, run_process
from config.environment import usable_cores_count

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Barrier

PIXELS_MP = (12.0, 24.5)
DRAWN_MP = [12.0, 16.0, 20.0, 24.0]
BAR = 0.35
CHANNELS = 3
STEPS = ("read_s", "decode_s", "measure_s", "wait_s")

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of both ways: photos per second, and CPU milliseconds per photo."""

    decode_per_s: float
    decode_cpu_ms: float
    product: ProductRun
    product_cpu_ms: float


class CpuMeter:
    """Measures the product's CPU time per photo between its first and its last status line with results."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []

    def look(self, pid: int, status: dict[str, Any]) -> None:
        """Note how many photos are processed and what the process tree has used."""
        if status["type"] == "status" and status["status"] == "running" and status["processed"]:
            self.points.append((status["processed"], cpu_s(pid)))

    @property
    def ms_per_photo(self) -> float:
        """CPU milliseconds per photo; not a number when there were fewer than two looks."""
        if len(self.points) < 2 or self.points[0][0] == self.points[-1][0]:
            return float("nan")
        (count_before, before_s), (count_after, after_s) = self.points[0], self.points[-1]
        return 1000 * (after_s - before_s) / (count_after - count_before)


def main() -> None:
    """Gather photos, let both ways take turns, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_photos_argument(parser)
    parser.add_argument("--count", type=int, default=400, help="photos per turn, hard links included")
    parser.add_argument("--workers", type=int, default=usable_cores_count())
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place:
        originals, source = Path(place) / "originals", Path(place) / "source"
        kind = gather(arguments.photos, originals, pixels_mp=PIXELS_MP, drawn_mp=DRAWN_MP)
        multiply(originals, source, arguments.count)
        print(f"{kind}, {describe(originals)}; hard links make {arguments.count} of them;", end=" ")
        print(f"{arguments.workers} processes each way, files warm")
        turns = [take_turn(source, arguments.workers) for _ in range(arguments.rounds)]
    show(turns)


def take_turn(source: Path, workers: int) -> Turn:
    """Run one way, then the other, and print both."""
    decode_per_s, decode_cpu_ms = decode_all(sorted(source.iterdir()), workers)
    print(f"decode only  {decode_per_s:6.2f} photos/s  {decode_cpu_ms:6.1f} CPU ms/photo", flush=True)
    meter = CpuMeter()
    product = run_process(source, workers=workers, look=meter.look)
    print(
        f"product      {product.steady_rate_per_s:6.2f} photos/s  {meter.ms_per_photo:6.1f} CPU ms/photo",
        end="",
    )
    print(f"  ({product.rate_per_s:.2f} photos/s over the whole {product.elapsed_s:.1f} s)", flush=True)
    return Turn(decode_per_s, decode_cpu_ms, product, meter.ms_per_photo)


def decode_all(paths: list[Path], workers: int) -> tuple[float, float]:
    """Read and decode all photos in some processes; gives photos per second and CPU milliseconds per photo."""
    following, barrier = _spawn.Value("l", 0), _spawn.Barrier(workers)
    answers = _spawn.SimpleQueue()
    names = [str(path) for path in paths]
    processes = [
        _spawn.Process(target=decode_share, args=(names, following, barrier, answers)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    shares: list[tuple[float, float, float]] = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    elapsed_s = max(ended for _, ended, _ in shares) - min(begun for begun, _, _ in shares)
    return len(paths) / elapsed_s, 1000 * sum(used_s for _, _, used_s in shares) / len(paths)


def decode_share(names: list[str], following: "Synchronized[int]", barrier: "Barrier", answers: Any) -> None:
    """Take the next photo until none is left: read it, decode it to RGB into one reused buffer."""
    largest = max(os.path.getsize(name) for name in set(names))  # noqa: PTH202 -- names, to be quick to send
    buffer = np.empty(max(largest, int(PIXELS_MP[1] * 1e6)) * CHANNELS, np.uint8)
    barrier.wait()
    begun, used_s = time.monotonic(), time.process_time()
    while True:
        with following.get_lock():
            number = following.value
            following.value += 1
        if number >= len(names):
            break
        data = Path(names[number]).read_bytes()
        simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=buffer, strict=False)
    answers.put((begun, time.monotonic(), time.process_time() - used_s))


def show(turns: list[Turn]) -> None:
    """Print the ratios, and where the product's workers spent their time."""
    steady = [turn.product.steady_rate_per_s / turn.decode_per_s for turn in turns]
    whole = [turn.product.rate_per_s / turn.decode_per_s for turn in turns]
    cpu = [turn.decode_cpu_ms / turn.product_cpu_ms for turn in turns]
    ratio = statistics.median(steady)
    print(f"ratio {ratio:.3f} steady (bar {BAR}: {'kept' if ratio >= BAR else 'MISSED'}),", end=" ")
    print(
        f"{statistics.median(whole):.3f} over the whole wall time, {statistics.median(cpu):.3f} by CPU time"
    )
    print(f"steady ratios, turn by turn: {', '.join(f'{one:.3f}' for one in steady)}")
    batches = [batch for turn in turns for batch in turn.product.batches]
    elapsed_s = sum(batch["elapsed_s"] for batch in batches)
    shares = {step: sum(batch[step] for batch in batches) / elapsed_s for step in STEPS}
    shares["other"] = 1 - sum(shares.values())
    print(
        "of a worker's time:",
        ", ".join(f"{name.removesuffix('_s')} {share:.1%}" for name, share in shares.items()),
    )
    commit_s = sum(batch["commit_s"] for batch in batches)
    print(f"commits, overlapping, in the writer thread: {commit_s / elapsed_s:.2%} of that time")


if __name__ == "__main__":
    main()
