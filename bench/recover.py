"""How long from `recover` to the first newly processed photo, and does it grow with the session?

Run: python -m bench.recover [--rows 1000 100000 1000000] [--rounds 5] [--vendor sqlite]. Signs that many results in
throwaway databases, on SQLite and on a PostgreSQL that it starts itself, and recovers them again and again
(`continue`): in this process, by the command with warm workers waiting, and by `recover --wait`, which starts its own.
The files of the results do not exist, so nobody looks at them; how fast that goes is measured apart on empty files.
The bars: from the smallest to the largest at most 1.5 times, and less than 2 s.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django

from bench.commit import VENDORS, make_urls, set_up, verdict
from bench.photos import gather
from bench.product import HOUSE

if TYPE_CHECKING:
    from processing.models import ProcessingSession

LEFT_COUNT = 2_000
DRAWN_MP = [4.0]
GROWTH_BAR = 1.5
FIRST_PHOTO_BAR_S = 2.0
COLD_ROUNDS = 2
TICK_S = 0.005
DEADLINE_S = 120.0
BASE_BYTES, BASE_NS = 1000, 10**18


@dataclass(slots=True)
class Figures:
    """What one size took, in seconds, round by round."""

    rows_count: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, seconds: float) -> None:
        """Add one round's time."""
        self.seconds.setdefault(name, []).append(seconds)

    def median_s(self, name: str) -> float:
        """Give the median round."""
        return median(self.seconds[name])


def main() -> None:
    """Measure each size on each database, then the look at the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=100_000, help="empty files to look at; 0: none")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        gather(None, Path(place) / "drawn", pixels_mp=(0, 0), drawn_mp=DRAWN_MP)
        for vendor in arguments.vendor:
            urls = make_urls(vendor, arguments.rows, Path(place), stack)
            show_growth(vendor, [measure(vendor, one, arguments.rounds, Path(place)) for one in urls])
            if arguments.files:
                ((_count, url),) = make_urls(vendor, [arguments.files], Path(place) / "look", stack)
                measure_look(vendor, url, arguments.files, Path(place) / "look" / vendor)
        django.db.connections.close_all()


def measure(vendor: str, sized: tuple[int, str], rounds: int, place: Path) -> Figures:
    """Fill a database and recover it in each way."""
    from bench.unlooked import look_away  # noqa: PLC0415 -- needs Django set up

    rows_count, url = sized
    figures = Figures(rows_count)
    session = fill(url, rows_count, place)
    look_away()
    for _ in range(rounds):
        measure_within(session, figures)
    environment = os.environ | {"DATABASE_URL": url, "OMP_NUM_THREADS": "1", "STOCKPROOF_DEVICE": "cpu"}
    with running([sys.executable, "manage.py", "workers", "--workers", "1"], environment):
        recover(session, environment, Figures(rows_count))  # The first one wakes the worker up.
        for _ in range(rounds):
            recover(session, environment, figures)
    for _ in range(COLD_ROUNDS):
        recover(session, environment, figures, "--wait", "--workers", "1")
    for name, seconds in figures.seconds.items():
        values = ", ".join(f"{1000 * one:.0f}" for one in seconds)
        print(f"{vendor:10} {rows_count:9,} rows: {name:34} {1000 * median(seconds):8.1f} ms ({values})")
    sys.stdout.flush()
    return figures


def fill(url: str, rows_count: int, place: Path) -> "ProcessingSession":
    """Make a session with so many results and some photos left, which are there."""
    from bench.signed import fill_signed  # noqa: PLC0415 -- needs Django set up
    from tests.databases import point_django_at  # noqa: PLC0415 -- needs Django set up

    begun = time.monotonic()
    source = place / f"left-of-{rows_count}"
    source.mkdir(exist_ok=True)
    (photo,) = (place / "drawn").iterdir()
    for position in range(rows_count, rows_count + LEFT_COUNT):
        link = source / f"{position:06d}.jpg"
        if not link.exists():
            os.link(photo, link)
    point_django_at(url)
    session = fill_signed(
        url,
        rows_count,
        left_count=LEFT_COUNT,
        checkpoint_interval=1,
        source=str(source),
        source_path=os.fsencode(source),
    )
    print(f"{rows_count:,} rows signed in {time.monotonic() - begun:.0f} s", flush=True)
    return session


def measure_within(session: "ProcessingSession", figures: Figures) -> None:
    """Build the options, then continue, in this process."""
    from recovery.plans import prepare_recovery_options  # noqa: PLC0415 -- needs Django set up
    from recovery.resume import execute_recovery  # noqa: PLC0415 -- needs Django set up

    session.latch()
    timed(figures, "options", lambda: prepare_recovery_options(session))
    timed(figures, "continue", lambda: execute_recovery(session, "continue", by="bench"))


def timed(figures: Figures, name: str, act: Callable[[], object]) -> None:
    """Note what an act takes by wall clock and of this process's CPU."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    act()
    figures.note(f"{name}, here, CPU", time.process_time() - cpu_s)
    figures.note(f"{name}, here", time.monotonic() - wall_s)


def recover(
    session: "ProcessingSession", environment: dict[str, str], figures: Figures, *arguments: str
) -> None:
    """Interrupt the session, run the command, and wait for the first new verdict; then interrupt it again."""
    interrupt(session)
    before, begun = newest_result(), time.monotonic()
    command = [sys.executable, "-m", "bench.unlooked", "recover", "latest", "--yes", "--json", *arguments]
    way = "recover --wait" if arguments else "recover, warm workers"
    with running(command, environment) as process:
        until(lambda: has_moved_on(session))
        figures.note(f"{way}: recovered", time.monotonic() - begun)
        until(lambda: newest_result() > before)
        figures.note(f"{way}: first photo", time.monotonic() - begun)
        interrupt(session)
        used_s = children_cpu_s()
        process.wait(DEADLINE_S)
        figures.note(f"{way}: the command's CPU", children_cpu_s() - used_s)


def interrupt(session: "ProcessingSession") -> None:
    """Leave the session as after a crash, with nobody at it."""
    session.refresh_from_db()
    if not session.crashed_at:
        session.latch()
    until(lambda: not session.is_attended())


def children_cpu_s() -> float:
    """Give the CPU seconds of all children that were waited for, those that they waited for included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def has_moved_on(session: "ProcessingSession") -> bool:
    """Whether the recovery is committed; its number is one more."""
    return type(session).objects.filter(pk=session.pk, attempt__gt=session.attempt).exists()


def newest_result() -> int:
    """Give the key of the newest result."""
    from processing.models import ImageResult  # noqa: PLC0415 -- needs Django set up

    return ImageResult.objects.order_by("-pk").values_list("pk", flat=True)[0]


def until(fact: Callable[[], bool]) -> None:
    """Wait until a fact holds. Raises TimeoutError."""
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {DEADLINE_S:.0f} s: {fact}")
        time.sleep(TICK_S)


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command, whose log tells why it failed; at the end ask it to stop, which it does politely."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=HOUSE, env=environment, stdout=log, stderr=log)
        try:
            yield process
        except TimeoutError as error:
            log.seek(0)
            raise RuntimeError(log.read().decode(errors="replace")[-2000:]) from error
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_S)


def measure_look(vendor: str, url: str, files_count: int, source: Path) -> None:
    """Make the files that the results stand for, without content, and look at them."""
    from bench.signed import fill_signed  # noqa: PLC0415 -- needs Django set up
    from recovery.changes import look_at_source  # noqa: PLC0415 -- needs Django set up

    make_files(source, files_count + 1)
    session = fill_signed(url, files_count, source=str(source), source_path=os.fsencode(source))
    wall_s, cpu_s = time.monotonic(), time.process_time()
    look = look_at_source(session)
    wall_s, cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    if not look.is_unchanged or look.new_count:
        raise RuntimeError(f"The files are as they were, and yet: {look}")
    print(
        f"{vendor:10} look at {files_count:,} files: {files_count / wall_s:,.0f} files/s, "
        f"{files_count / cpu_s:,.0f} per second of CPU",
        flush=True,
    )


def make_files(folder: Path, files_count: int) -> None:
    """Make empty files of the names, sizes and instants that the manifests of `make_manifest` say."""
    folder.mkdir(parents=True)
    for position in range(files_count):
        path = folder / f"{position:06d}.jpg"
        with path.open("wb") as file:
            file.truncate(BASE_BYTES + position)
        os.utime(path, ns=(BASE_NS + position, BASE_NS + position))


def show_growth(vendor: str, sizes: list[Figures]) -> None:
    """Print growth from the smallest to the largest, and the largest against the bar in seconds."""
    smallest, largest = (pick(sizes, key=lambda one: one.rows_count) for pick in (min, max))
    for name in largest.seconds:
        growth = largest.median_s(name) / smallest.median_s(name)
        print(f"{vendor:10} growth {growth:.2f} {name} (bar {GROWTH_BAR}: {verdict(growth <= GROWTH_BAR)})")
    first_s = largest.median_s("recover, warm workers: first photo")
    kept = verdict(first_s < FIRST_PHOTO_BAR_S)
    print(
        f"{vendor:10} first photo after {first_s:.2f} s (bar {FIRST_PHOTO_BAR_S:g} s: {kept})",
        flush=True,
    )


if __name__ == "__main__":
    main()
