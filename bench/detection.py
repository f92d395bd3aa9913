"""How long until a killed process is noticed: by the others, by its parent alone, by somebody who reads the status?

Run: python -m bench.detection [--kills 10] [--vendor sqlite]. Starts `workers` in a throwaway state folder and sends
SIGKILL: to one of its two workers; to its cluster, with which its workers end; to everything, after which a reader
looks as `manage.py sessions` and the pages do. A death is noticed when its row says so. The bar: 2 s, each time.
"""

import argparse
import os
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django
from django.conf import settings

from bench.commit import VENDORS, make_urls, set_up, verdict

if TYPE_CHECKING:
    from processing.models import Worker
    from tests.crash.studio import Studio

BAR_S = 2.0
WORKERS = 2


def main() -> None:
    """Kill on each database, and print median and maximum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        os.environ["LOG_LEVEL"] = "error"  # Each death is a warning.
        set_up(Path(place))
        for vendor in arguments.vendor:
            ((_count, url),) = make_urls(vendor, [0], Path(place), stack)
            measure(vendor, url, Path(place) / vendor, arguments.kills)
        django.db.connections.close_all()


def measure(vendor: str, url: str, place: Path, kills: int) -> None:
    """Kill each kind so many times."""
    from django.core.management import call_command  # noqa: PLC0415 -- needs Django set up

    from tests.crash.studio import Studio  # noqa: PLC0415 -- needs Django set up
    from tests.databases import point_django_at  # noqa: PLC0415 -- needs Django set up

    point_django_at(url)
    call_command("migrate", verbosity=0)
    place.mkdir()
    studio = Studio(place, url, place / "photos")
    # The reader in this process looks for the same locks as the processes that are killed.
    settings.STOCKPROOF_VAR = studio.var
    delays_s: dict[str, list[float]] = defaultdict(list)
    try:
        for _ in range(kills):
            # A cluster that is killed again and again is given up, so each turn has a parent of its own.
            start(studio)
            delays_s["a worker, another one alive"].append(kill_worker(studio))
            delays_s["all workers, the parent alive"].append(kill_cluster(studio))
            delays_s["everything, a reader looks"].append(kill_everything(studio))
    finally:
        studio.kill_everything()
    for name, delays in delays_s.items():
        show(vendor, name, delays)


def start(studio: "Studio") -> None:
    """Start a parent and wait for its workers."""
    from tests.crash.studio import until  # noqa: PLC0415 -- needs Django set up

    studio.start("workers", "--workers", str(WORKERS))
    until(lambda: len(studio.laborers()) == WORKERS)


def show(vendor: str, name: str, delays_s: list[float]) -> None:
    """Print the delays of one kind."""
    print(
        f"{vendor:10} {name:30} median {median(delays_s):.2f} s, maximum {max(delays_s):.2f} s of {len(delays_s)} "
        f"(bar {BAR_S:g} s: {verdict(max(delays_s) < BAR_S)})",
        flush=True,
    )


def kill_worker(studio: "Studio") -> float:
    """Kill one worker while the other one lives; gives the seconds until it is buried."""
    from tests.crash.studio import kill  # noqa: PLC0415 -- needs Django set up

    victim = studio.laborers()[0]
    begun = time.monotonic()
    kill(victim.pid)
    return time_until_buried([victim], begun)


def kill_cluster(studio: "Studio") -> float:
    """Kill the process whose children the workers are, and them; only the parent is left to notice."""
    from tests.crash.studio import kill  # noqa: PLC0415 -- needs Django set up

    victims = studio.laborers()
    clusters = studio.clusters()
    begun = time.monotonic()
    for pid in [*clusters, *(victim.pid for victim in victims)]:
        kill(pid)
    return time_until_buried(victims, begun)


def kill_everything(studio: "Studio") -> float:
    """Kill the parent with all that it started; this process looks, as a reader of the status does."""
    from processing.models import Worker  # noqa: PLC0415 -- needs Django set up
    from recovery import detection  # noqa: PLC0415 -- needs Django set up

    victims = list(Worker.objects.living().order_by("pk"))
    begun = time.monotonic()
    studio.signal_everything(signal.SIGKILL)
    delay_s = time_until_buried(victims, begun, detection.look)
    studio.kill_everything()
    return delay_s


def time_until_buried(
    victims: list["Worker"], begun: float, look: Callable[[], None] = lambda: None
) -> float:
    """Wait until all rows have ended; gives the seconds since the kill."""
    from processing.models import Worker  # noqa: PLC0415 -- needs Django set up
    from tests.crash.studio import until  # noqa: PLC0415 -- needs Django set up

    ids = [victim.pk for victim in victims]

    def are_buried() -> bool:
        look()
        return not Worker.objects.living().filter(pk__in=ids).exists()

    until(are_buried)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
