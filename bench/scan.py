"""How fast are names listed and stored, against a bare os.walk and lstat, and in how much memory?

Run: python -m bench.scan [--names 1000000] [--flat]. Makes a throwaway tree of empty files and a throwaway
database, prints one line per figure and removes both.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER_NAMES = 1_000
# Names, seconds of wall clock, seconds of CPU.
Measurement = tuple[int, float, float]


class Clock:
    """Wall clock and CPU: the second tells on a busy machine what the first cannot."""

    def __init__(self) -> None:
        """Start both."""
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    def spent(self) -> tuple[float, float]:
        """Give the seconds of wall clock and of CPU since the start."""
        return time.monotonic() - self._wall_s, time.process_time() - self._cpu_s


def main() -> None:
    """Make the tree, measure each way in a process of its own, remove everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--flat", action="store_true", help="one folder instead of 1,000 names per folder")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--tree", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        report(MEASURES[arguments.measure](Path(arguments.tree)))
        return
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        make_tree(tree, arguments.names, arguments.names if arguments.flat else FOLDER_NAMES)
        figures = {name: measured(name, tree, Path(place)) for name in MEASURES}
    show(figures, arguments.names)


def make_tree(tree: Path, names_count: int, per_folder: int) -> None:
    """Make empty files with names as a camera gives them."""
    for start in range(0, names_count, per_folder):
        folder = tree / f"{start // per_folder:05}"
        folder.mkdir(parents=True)
        for number in range(start, min(start + per_folder, names_count)):
            os.close(os.open(folder / f"IMG_{number:07}.jpg", os.O_CREAT | os.O_WRONLY, 0o644))


def measured(name: str, tree: Path, place: Path) -> tuple[float, float, float]:
    """Measure one way in a fresh process: names per second, per second of CPU, and peak RSS in MB."""
    environment = dict(os.environ, STOCKPROOF_VAR=str(place / f"var-{name}"))
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "bench.scan", "--measure", name, "--tree", str(tree)]
    printed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    rate_per_s, rate_per_cpu_s, rss_mb = map(float, printed.splitlines()[-1].split())
    return rate_per_s, rate_per_cpu_s, rss_mb


def report(measurement: Measurement) -> None:
    """Print what the parent process reads: names per second and this process's peak RSS in MB."""
    names_count, elapsed_s, cpu_s = measurement
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rss_mb = rss / 1e6 if sys.platform == "darwin" else rss * 1024 / 1e6
    print(names_count / elapsed_s, names_count / cpu_s, rss_mb)


def measure_bare(tree: Path) -> Measurement:
    """Walk with os.walk and lstat each name: what any scan has to do at least."""
    clock, names_count = Clock(), 0
    for folder, _, names in os.walk(tree):
        for name in names:
            os.lstat(f"{folder}/{name}")
            names_count += 1
    return names_count, *clock.spent()


def measure_walk(tree: Path) -> Measurement:
    """List the tree in order, without a database."""
    set_up()
    from processing.sources import Folder  # noqa: PLC0415 -- needs Django set up

    clock = Clock()
    names_count = sum(1 for _ in Folder(os.fsencode(tree.resolve())).walk())
    return names_count, *clock.spent()


def measure_store(tree: Path) -> Measurement:
    """Scan the tree into a fresh database of the configured kind."""
    set_up()
    from django.core.management import call_command  # noqa: PLC0415 -- needs Django set up

    from processing.models import ProcessingSession  # noqa: PLC0415 -- needs Django set up
    from processing.scan import run_scan  # noqa: PLC0415 -- needs Django set up

    call_command("migrate", verbosity=0)
    batch = lease_scan(tree)
    clock = Clock()
    run_scan(batch, keep_going=lambda: True, seal=lambda _commit: None)
    spent = clock.spent()
    return ProcessingSession.objects.get(pk=batch.session_id).total or 0, *spent


def lease_scan(tree: Path) -> "Batch":  # type: ignore[name-defined] # noqa: F821 -- imported late
    """Create a session over the tree and claim its scan."""
    from processing.models import Batch, Preset, ProcessingSession, Worker  # noqa: PLC0415 -- needs Django set up

    preset = Preset.objects.get()
    session = ProcessingSession.start(
        name="bench",
        source=str(tree),
        source_path=os.fsencode(tree.resolve()),
        preset_name=preset.name,
        preset=preset.rules,
        batch_size=50,
        checkpoint_interval=10,
    )
    parent = Worker.objects.create(token="parent", host="bench", boot_id="bench", pid=1)  # noqa: S106 -- a name
    worker = Worker.objects.create(token="worker", host="bench", boot_id="bench", pid=2, parent=parent)  # noqa: S106
    return Batch.objects.claim(session.pk, worker)


def set_up() -> None:
    """Set Django up on the settings of the house."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    Path(os.environ["STOCKPROOF_VAR"]).mkdir(exist_ok=True)
    import django  # noqa: PLC0415 -- the bare walk is measured without it

    django.setup()


def show(figures: dict[str, tuple[float, float, float]], names_count: int) -> None:
    """Print the figures and the ratio of one run."""
    print(f"{names_count:,} names")
    for name, (rate_per_s, rate_per_cpu_s, rss_mb) in figures.items():
        print(f"{name:6} {rate_per_s:10,.0f}/s, {rate_per_cpu_s:10,.0f}/s of CPU, peak RSS {rss_mb:6.1f} MB")
    print(f"stored / bare: {figures['store'][0] / figures['bare'][0]:.2f}")


MEASURES = {"bare": measure_bare, "walk": measure_walk, "store": measure_store}

if __name__ == "__main__":
    main()
