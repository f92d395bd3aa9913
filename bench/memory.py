"""Does a worker's memory stay flat over thousands of photos?

Run: python -m bench.memory [--photos DIR] [--count 2000] [--workers 1]. Processes hard links of photos of mixed
sizes all the way, reads the workers' resident memory from /proc ten times a second, and prints its peak for every
hundred photos. The bar: the last quarter's peak is at most 5 % above the first quarter's.
"""

import argparse
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from statistics import linear_regression
from typing import Any

from bench.photos import add_photos_argument, describe, gather, multiply
from bench.product import rss_bytes, run_process, workers_of

PIXELS_MP = (1.0, 24.5)
DRAWN_MP = [1.0, 24.0, 4.0, 12.0, 2.0, 8.0, 1.0, 6.0]
BAR = 1.05
BUCKET_PHOTOS = 100
LOOK_S = 0.1
MB = 1e6


class MemoryMeter:
    """Keeps the peak of each worker's resident memory, by hundreds of photos processed so far."""

    def __init__(self) -> None:
        self.peaks: dict[int, dict[int, int]] = defaultdict(dict)
        self._parent_pid = 0
        self._processed = 0
        self._over = threading.Event()

    def look(self, pid: int, status: dict[str, Any]) -> None:
        """Take over how far the session is; the product tells once a second."""
        self._parent_pid, self._processed = pid, status["processed"]

    def watch(self) -> None:
        """Look at the workers until told that it is over."""
        while not self._over.wait(LOOK_S):
            if not self._processed:
                continue
            for worker in workers_of(self._parent_pid):
                peaks, bucket = self.peaks[worker], self._processed // BUCKET_PHOTOS
                peaks[bucket] = max(peaks.get(bucket, 0), rss_bytes(worker))

    def end(self) -> None:
        """Stop watching."""
        self._over.set()


def main() -> None:
    """Gather photos, run the product under the meter, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_photos_argument(parser)
    parser.add_argument("--count", type=int, default=2_000, help="photos, hard links included; at least 800")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        parser.error("This needs /proc, which is where Linux tells the memory of processes.")
    meter = MemoryMeter()
    watcher = threading.Thread(target=meter.watch)
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place:
        originals, source = Path(place) / "originals", Path(place) / "source"
        kind = gather(arguments.photos, originals, pixels_mp=PIXELS_MP, drawn_mp=DRAWN_MP)
        multiply(originals, source, arguments.count)
        print(f"{kind}, {describe(originals)}; hard links make {arguments.count} of them", flush=True)
        watcher.start()
        try:
            run = run_process(source, workers=arguments.workers, look=meter.look)
        finally:
            meter.end()
            watcher.join()
    print(f"{run.photos_count} photos in {run.elapsed_s:.0f} s by {arguments.workers} worker(s)")
    for worker, peaks in meter.peaks.items():
        show(worker, [peaks[bucket] / MB for bucket in sorted(peaks)])


def show(worker: int, peaks_mb: list[float]) -> None:
    """Print one worker's peaks, the ratio of the last quarter to the first, and the slope after the first."""
    print(
        f"worker {worker}, peak MB per {BUCKET_PHOTOS} photos:", " ".join(f"{peak:.0f}" for peak in peaks_mb)
    )
    quarter = len(peaks_mb) // 4
    if quarter < 2:
        print("too few looks for a ratio: give more photos")
        return
    first_mb, last_mb = max(peaks_mb[:quarter]), max(peaks_mb[-quarter:])
    later = peaks_mb[quarter:]
    slope = linear_regression(range(len(later)), later).slope * 1000 / BUCKET_PHOTOS
    ratio = last_mb / first_mb
    print(f"first quarter {first_mb:.0f} MB, last quarter {last_mb:.0f} MB, ratio {ratio:.3f}", end=" ")
    print(
        f"(bar {BAR}: {'kept' if ratio <= BAR else 'MISSED'}), slope {slope:+.1f} kB per photo after the first quarter"
    )


if __name__ == "__main__":
    main()
