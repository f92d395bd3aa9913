"""What does a commit of ten photos cost, and does it grow with the session?

Run: python -m bench.commit [--photos DIR] [--rows 0 100000 1000000] [--commits 250] [--vendor sqlite].
Commits results, counters and checkpoint as a worker does, in throwaway databases of each size in turn, on SQLite
and on a PostgreSQL that it starts itself. The bars: from the smallest to the largest at most 1.3 times the median,
and less than 1 % of the processing time (aim: 0.3 %).
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
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
ROUNDS = 5
COMMITS_PER_BATCH = 5


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
        photo_ms = measure_photos(arguments.photos, Path(place) / "photos")
        for vendor in arguments.vendor:
            measure_vendor(
                vendor, list(make_urls(vendor, arguments.rows, Path(place), stack)), arguments, photo_ms
            )
        django.db.connections.close_all()


def set_up(place: Path) -> None:
    """Set Django up on a state folder of its own."""
    os.environ.update(
        STOCKPROOF_VAR=str(place / "var"), DATABASE_URL="", DJANGO_SETTINGS_MODULE="config.settings"
    )
    django.setup()


def measure_photos(folder: Path | None, place: Path) -> tuple[float, float]:
    """Take photos through the pipeline one by one; gives wall and CPU milliseconds per photo."""
    from processing.analysis.pipeline import Pipeline  # noqa: PLC0415 -- slow import

    kind = gather(folder, place, pixels_mp=PIXELS_MP, drawn_mp=DRAWN_MP)
    blobs = [path.read_bytes() for path in sorted(place.iterdir())]
    pipeline = Pipeline("cpu")
    pipeline.measure([pipeline.prepare(max(blobs, key=len))])
    wall_s, cpu_s = time.monotonic(), time.process_time()
    for blob in blobs:
        pipeline.measure([pipeline.prepare(blob)])
    wall_ms, cpu_ms = (
        1000 * (clock() - since) / len(blobs)
        for clock, since in ((time.monotonic, wall_s), (time.process_time, cpu_s))
    )
    print(f"processing: {wall_ms:.0f} ms, {cpu_ms:.0f} CPU ms per photo ({kind}, {describe(place)})")
    return wall_ms, cpu_ms


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


def measure_vendor(
    vendor: str, urls: list[tuple[int, str]], arguments: argparse.Namespace, photo_ms: tuple[float, float]
) -> None:
    """Fill the databases, let the sizes take turns, print medians and ratios."""
    from bench.ledger import Ledger  # noqa: PLC0415 -- needs Django set up

    ledgers = [Ledger(url, count) for count, url in urls]
    for ledger in ledgers:
        ledger.fill()
    for _ in range(ROUNDS):
        for ledger in ledgers:
            ledger.commit_batches(arguments.commits // (ROUNDS * COMMITS_PER_BATCH))
    for ledger in ledgers:
        show(vendor, ledger)
    show_ratios(vendor, ledgers, photo_ms)


def show(vendor: str, ledger: "Ledger") -> None:
    """Print one size's medians."""
    late_ms = quantiles(ledger.wall_ms, n=100)[98]
    print(
        f"{vendor:10} {ledger.rows_count:9,} rows: median {median(ledger.wall_ms):.2f} ms, p99 {late_ms:.1f} ms, "
        f"client CPU {median(ledger.cpu_ms):.2f} ms ({len(ledger.wall_ms)} commits)"
    )


def show_ratios(vendor: str, ledgers: list["Ledger"], photo_ms: tuple[float, float]) -> None:
    """Print growth from the smallest to the largest, share of the processing time, and statements."""
    smallest, largest = (pick(ledgers, key=lambda ledger: ledger.rows_count) for pick in (min, max))
    growth = median(largest.wall_ms) / median(smallest.wall_ms)
    cpu_growth = median(largest.cpu_ms) / median(smallest.cpu_ms)
    shares = [
        median(commit_ms) / (10 * one_ms)
        for commit_ms, one_ms in zip((largest.wall_ms, largest.cpu_ms), photo_ms, strict=True)
    ]
    print(
        f"{vendor:10} growth {growth:.2f} wall (bar {GROWTH_BAR}: {verdict(growth <= GROWTH_BAR)}), {cpu_growth:.2f} client CPU"
    )
    print(
        f"{vendor:10} share of processing: {shares[0]:.2%} wall, {shares[1]:.2%} client CPU "
        f"(bar {SHARE_BAR:.0%}: {verdict(max(shares) < SHARE_BAR)})"
    )
    *inside, ending = largest.count_queries()
    print(
        f"{vendor:10} statements: {max(inside)} inside a batch, {ending} at its end, BEGIN and COMMIT apart"
    )


def verdict(kept: bool) -> str:  # noqa: FBT001 -- the one thing it says
    """Say whether a bar is kept."""
    return "kept" if kept else "MISSED"


if __name__ == "__main__":
    main()
