"""What does a commit of ten photos cost, and does it grow with the session?

Run: python -m bench.commit [--photos DIR] [--rows 0 100000 1000000] [--commits 250] [--vendor sqlite].
Commits results, counters and checkpoint as a worker does, in throwaway databases of each size in turn, on SQLite
and on a PostgreSQL that it starts itself. The bars: from the smallest to the largest at most 1.3 times the median,
and less than 1 % of the processing time (aim: 0.3 %): of CPU time, since the writer thread commits while the next
photos are analyzed; bench.throughput tells how long a worker waits for it.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean, median, median_low, quantiles
from typing import TYPE_CHECKING

import django
import psycopg

from bench.photos import add_photos_argument, describe, gather
from tests import postgresql

if TYPE_CHECKING:
    from bench.ledger import Ledger

VENDORS = ("sqlite", "postgresql")
PIXELS_MP = (12.0, 24.5)
DRAWN_MP = [12.0, 16.0, 20.0, 24.0]
GROWTH_BAR = 1.3
SHARE_BAR = 0.01
SEAL_AIM = 0.003
ROUNDS = 5
COMMITS_PER_BATCH = 5
CHUNK_PHOTOS = 10


def main() -> None:
    """Measure the processing time of a photo, then the commits on each database."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_photos_argument(parser)
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 100_000, 1_000_000])
    parser.add_argument("--commits", type=int, default=250, help="commits per size, a multiple of 25")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        meter = PhotoMeter(arguments.photos, Path(place) / "photos")
        print(f"processing: {meter.kind}, {meter.sizes}", flush=True)
        for vendor in arguments.vendor:
            urls = list(make_urls(vendor, arguments.rows, Path(place), stack))
            measure_vendor(vendor, urls, arguments.commits, meter)
        django.db.connections.close_all()


def set_up(place: Path) -> None:
    """Set Django up on a state folder of its own."""
    os.environ.update(
        STOCKPROOF_VAR=str(place / "var"), DATABASE_URL="", DJANGO_SETTINGS_MODULE="config.settings"
    )
    django.setup()


class PhotoMeter:
    """Takes photos through the pipeline one by one, as a worker does, between the commits' turns."""

    def __init__(self, folder: Path | None, place: Path) -> None:
        from processing.analysis.pipeline import Pipeline  # noqa: PLC0415 -- slow import

        self.kind = gather(folder, place, pixels_mp=PIXELS_MP, drawn_mp=DRAWN_MP)
        self.sizes = describe(place)
        self._blobs = [path.read_bytes() for path in sorted(place.iterdir())]
        self._pipeline = Pipeline("cpu")
        self._pipeline.measure([self._pipeline.prepare(max(self._blobs, key=len))])
        self.wall_ms: list[float] = []
        self.cpu_ms: list[float] = []

    def measure(self) -> None:
        """Take all photos through once; notes wall and CPU milliseconds per photo."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        for blob in self._blobs:
            self._pipeline.measure([self._pipeline.prepare(blob)])
        self.wall_ms.append(1000 * (time.monotonic() - wall_s) / len(self._blobs))
        self.cpu_ms.append(1000 * (time.process_time() - cpu_s) / len(self._blobs))


def make_urls(vendor: str, rows: list[int], place: Path, stack: ExitStack) -> Iterator[tuple[int, str]]:
    """Give a database for each size; PostgreSQL writes through to the disk, as the product demands."""
    if vendor == "sqlite":
        yield from ((count, f"sqlite:///{place / f'{count}.sqlite3'}") for count in rows)
        return
    url = stack.enter_context(postgresql.running(fsync=True))
    for count in rows:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE rows_{count}")
        yield count, url.replace("/postgres?", f"/rows_{count}?")


def measure_vendor(vendor: str, urls: list[tuple[int, str]], commits_count: int, meter: PhotoMeter) -> None:
    """Fill the databases, let the sizes and the photos take turns, print medians and ratios."""
    from bench.ledger import Ledger  # noqa: PLC0415 -- needs Django set up

    ledgers = [Ledger(url, count) for count, url in urls]
    for ledger in ledgers:
        ledger.fill()
    for _ in range(ROUNDS):
        meter.measure()
        for ledger in ledgers:
            ledger.commit_batches(commits_count // (ROUNDS * COMMITS_PER_BATCH))
    for ledger in ledgers:
        show(vendor, ledger)
    show_growth(vendor, ledgers)
    show_share(vendor, max(ledgers, key=lambda ledger: ledger.rows_count), meter)


def show(vendor: str, ledger: "Ledger") -> None:
    """Print one size's medians."""
    late_ms = quantiles(ledger.wall_ms, n=100)[98]
    print(
        f"{vendor:10} {ledger.rows_count:9,} rows: median {median(ledger.wall_ms):.2f} ms, p99 {late_ms:.1f} ms, "
        f"client CPU {median(ledger.cpu_ms):.2f} ms ({len(ledger.wall_ms)} commits)"
    )


def show_growth(vendor: str, ledgers: list["Ledger"]) -> None:
    """Print growth from the smallest to the largest."""
    smallest, largest = (pick(ledgers, key=lambda ledger: ledger.rows_count) for pick in (min, max))
    wall = median(largest.wall_ms) / median(smallest.wall_ms)
    cpu = median(largest.cpu_ms) / median(smallest.cpu_ms)
    print(
        f"{vendor:10} growth {wall:.2f} wall (bar {GROWTH_BAR}: {verdict(wall <= GROWTH_BAR)}), {cpu:.2f} client CPU"
    )


def show_share(vendor: str, ledger: "Ledger", meter: PhotoMeter) -> None:
    """Print a commit's share of the time that its ten photos take, in the mean, and its statements."""
    wall_ms, cpu_ms = fmean(meter.wall_ms), fmean(meter.cpu_ms)
    cpu = fmean(ledger.cpu_ms) / (CHUNK_PHOTOS * cpu_ms)
    wall = fmean(ledger.wall_ms) / (CHUNK_PHOTOS * wall_ms)
    print(
        f"{vendor:10} share of processing: {cpu:.2%} of the client's CPU time ({cpu_ms:.0f} ms/photo; "
        f"bar {SHARE_BAR:.0%}: {verdict(cpu < SHARE_BAR)}),",
        end=" ",
    )
    print(f"{wall:.2%} of wall time ({wall_ms:.0f} ms/photo) if it did not overlap")
    sealed = (
        fmean(ledger.cpu_ms) - fmean(ledger.bare_cpu_ms),
        fmean(ledger.wall_ms) - fmean(ledger.bare_wall_ms),
    )
    shares = sealed[0] / (CHUNK_PHOTOS * cpu_ms), sealed[1] / (CHUNK_PHOTOS * wall_ms)
    print(
        f"{vendor:10} checkpoints alone: {sealed[0]:.2f} ms CPU and {sealed[1]:.2f} ms wall per commit more than "
        f"without, {shares[0]:.2%} and {shares[1]:.2%} of processing (aim {SEAL_AIM:.1%}: {verdict(shares[0] < SEAL_AIM)})"
    )
    *inside, ending = ledger.count_queries()
    print(
        f"{vendor:10} statements: {median_low(inside)} inside a batch, {ending} at its end, BEGIN and COMMIT apart",
        flush=True,
    )


def verdict(kept: bool) -> str:  # noqa: FBT001 -- the one thing it says
    """Say whether a bar is kept."""
    return "kept" if kept else "MISSED"


if __name__ == "__main__":
    main()
