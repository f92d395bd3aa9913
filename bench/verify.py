"""How long does a verification take, how much memory, and does memory stay flat?

Run: python -m bench.verify [--rows 100000 1000000] [--vendor sqlite]. Signs that many results of finished batches in
throwaway databases, on SQLite and on a PostgreSQL that it starts itself, and runs `manage.py verify` on each as a
process of its own. The source is a folder that is not there, so no files are looked at: bench.scan tells how fast that
goes. The bars: memory grows by at most a tenth from the smallest to the largest, and time per result by at most a fifth.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import django

from bench.commit import VENDORS, make_urls, set_up, verdict
from bench.product import HOUSE

MEMORY_BAR = 1.1
TIME_BAR = 1.2
KB, MB = 1e3, 1e6


@dataclass(frozen=True, slots=True)
class Verified:
    """What one verification took."""

    rows_count: int
    elapsed_s: float
    cpu_s: float
    peak_bytes: float

    @property
    def cpu_us(self) -> float:
        """CPU time per result, in microseconds."""
        return 1e6 * self.cpu_s / self.rows_count


def main() -> int:
    """Measure each size on each database; exit 1 when a sound session is not found to be safe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        for vendor in arguments.vendor:
            sizes = [
                measure(vendor, count, url)
                for count, url in make_urls(vendor, arguments.rows, Path(place), stack)
            ]
            show_growth(vendor, sizes)
        django.db.connections.close_all()
    return 0


def measure(vendor: str, rows_count: int, url: str) -> Verified:
    """Fill a database and verify it; raises RuntimeError when it is not found to be safe."""
    from bench.signed import fill_signed  # noqa: PLC0415 -- needs Django set up

    begun_s = time.monotonic()
    fill_signed(url, rows_count)
    print(f"{vendor:10} {rows_count:9,} rows signed in {time.monotonic() - begun_s:.0f} s", flush=True)
    verified = run_verify(rows_count, url)
    print(
        f"{vendor:10} {rows_count:9,} rows verified in {verified.elapsed_s:.1f} s, {verified.cpu_us:.0f} CPU us each, "
        f"peak {verified.peak_bytes / MB:.0f} MB",
        flush=True,
    )
    return verified


def run_verify(rows_count: int, url: str) -> Verified:
    """Run the command as a person would, and read what it took from the system."""
    command = [sys.executable, "manage.py", "verify", "latest", "--json"]
    with tempfile.TemporaryFile("w+") as output:
        begun_s = time.monotonic()
        pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ | {"DATABASE_URL": url},
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), sys.stdout.fileno())],
        )
        _pid, status, usage = os.wait4(pid, 0)
        elapsed_s = time.monotonic() - begun_s
        output.seek(0)
        last = json.loads(output.read().splitlines()[-1])
    if os.waitstatus_to_exitcode(status) or (last["safe"], last["results"]) != ("safe", rows_count):
        raise RuntimeError(f"A sound session was not found to be safe: {last}")
    return Verified(rows_count, elapsed_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KB)


def show_growth(vendor: str, sizes: list[Verified]) -> None:
    """Print growth from the smallest to the largest."""
    smallest, largest = (pick(sizes, key=lambda one: one.rows_count) for pick in (min, max))
    memory, cpu = largest.peak_bytes / smallest.peak_bytes, largest.cpu_us / smallest.cpu_us
    print(
        f"{vendor:10} growth {memory:.2f} memory (bar {MEMORY_BAR}: {verdict(memory <= MEMORY_BAR)}), "
        f"{cpu:.2f} CPU per result (bar {TIME_BAR}: {verdict(cpu <= TIME_BAR)})",
        flush=True,
    )


if __name__ == "__main__":
    os.chdir(HOUSE)
    sys.exit(main())
