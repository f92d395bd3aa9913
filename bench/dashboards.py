"""Do fifty open session pages disturb the workers, and do they get their answers?

Run: python -m bench.dashboards [--seconds 60] [--pairs 2] [--clients 50] [--workers 2] [--vendor sqlite]. Starts
`manage.py workers` on a session of drawn photos (hard links of a few, so files are warm) and the web process as `serve`
starts it, on SQLite and on a PostgreSQL that it starts itself. Then the workers work alone and beside browsers that ask
for the session's part every 2 s, in changing order, so many seconds each, once all pages are open. The web process is there in both; the
browsers are threads of this process, and their CPU time counts against the workers like that of the web process.
The bars: no error; p95 of the part less than 100 ms on PostgreSQL and 250 ms on SQLite; workers slowed by less than 15 %.
"""

import argparse
import os
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

import django

from bench.commit import VENDORS, make_urls, set_up, verdict
from bench.photos import gather, multiply
from bench.product import HOUSE, cpu_s
from bench.recover import running, until
from bench.viewers import Audience, Seen

if TYPE_CHECKING:
    from processing.models import ProcessingSession

PERCENTILE_BAR_MS = {"postgresql": 100.0, "sqlite": 250.0}
SLOWED_BAR = 0.15
DRAWN_COUNT = 8
WARM_PHOTOS = 100
WARM_S = 10.0
ERRORS_SHOWN = 5


@dataclass(slots=True)
class Turns:
    """What all turns of one kind have seen: photos, seconds, and CPU seconds of the web process."""

    photos_count: int = 0
    elapsed_s: float = 0.0
    web_cpu_s: float = 0.0
    loads: list[float] = field(default_factory=list)

    @property
    def rate_per_s(self) -> float:
        """Photos per second."""
        return self.photos_count / self.elapsed_s


def main() -> int:
    """Measure on each database; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--megapixels", type=float, default=4.0)
    parser.add_argument("--photos-count", type=int, default=100_000, help="more than can be done")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    are_kept = []
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        drawn, source = Path(place) / "drawn", Path(place) / "photos"
        gather(None, drawn, pixels_mp=(0, 0), drawn_mp=[arguments.megapixels] * DRAWN_COUNT)
        multiply(drawn, source, arguments.photos_count)
        for vendor in arguments.vendor:
            ((_count, url),) = make_urls(vendor, [0], Path(place), stack)
            are_kept.append(measure(vendor, url, source, arguments))
        django.db.connections.close_all()
    return 0 if all(are_kept) else 1


def measure(vendor: str, url: str, source: Path, arguments: argparse.Namespace) -> bool:
    """Let alone and beside take turns on one database; gives whether all bars are kept."""
    session, cookie = begin(url, source)
    one_thread = {"OMP_NUM_THREADS": "1", "STOCKPROOF_DEVICE": "cpu", "LOG_LEVEL": "warning"}
    environment = os.environ | {"DATABASE_URL": url} | one_thread
    port = free_port()
    web = [sys.executable, "-m", "config.web", "127.0.0.1", str(port), str(os.getpid())]
    workers = [sys.executable, "manage.py", "workers", "--workers", str(arguments.workers)]
    alone, beside, seen = Turns(), Turns(), Seen()
    with (
        running(web, environment | {"STOCKPROOF_SERVED": "loopback"}) as server,
        running(workers, environment),
    ):
        until(lambda: is_answering(port))
        until(lambda: processed(session) > WARM_PHOTOS)
        for number in range(arguments.pairs):
            for turns in (alone, beside) if number % 2 == 0 else (beside, alone):
                viewers_count = arguments.clients if turns is beside else 0
                audience = Audience(viewers_count, port, f"/sessions/{session.pk}/", cookie)
                with audience:
                    time.sleep(WARM_S)
                    audience.begin_turn()
                    take_turn(turns, session, server.pid, arguments.seconds)
                seen.add(audience)
    return show(vendor, alone, beside, seen)


def begin(url: str, source: Path) -> tuple["ProcessingSession", str]:
    """Make all tables, a person who has signed in, and that person's session; gives the browser's cookie too."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415 -- needs Django set up
    from django.core.management import call_command  # noqa: PLC0415 -- needs Django set up

    from bench.pages import signed_in  # noqa: PLC0415 -- needs Django set up
    from processing.creation import Wish  # noqa: PLC0415 -- needs Django set up
    from processing.models import ProcessingSession  # noqa: PLC0415 -- needs Django set up
    from tests.databases import point_django_at  # noqa: PLC0415 -- needs Django set up

    point_django_at(url)
    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner")
    owner.groups.add(Group.objects.get(name="Operator"))
    session = ProcessingSession.start(**Wish(os.fsencode(source), owner=owner).columns())
    return session, signed_in(owner).cookies["sessionid"].value


def free_port() -> int:
    """Find a port of this machine that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_answering(port: int) -> bool:
    """Whether the web process answers yet."""
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def processed(session: "ProcessingSession") -> int:
    """Count the photos that are done, those of open batches too."""
    session.refresh_from_db()
    return session.counts()["processed"]


def take_turn(turns: Turns, session: "ProcessingSession", server_pid: int, seconds: float) -> None:
    """Let so many seconds pass and note what was done in them. Raises RuntimeError when the photos have run out."""
    before, begun_s, used_s = processed(session), time.monotonic(), cpu_s(server_pid)
    time.sleep(seconds)
    after = processed(session)
    turns.elapsed_s += time.monotonic() - begun_s
    turns.photos_count += after - before
    turns.web_cpu_s += cpu_s(server_pid) - used_s
    turns.loads.append(os.getloadavg()[0])
    if session.total is not None and after >= session.total:
        raise RuntimeError("The photos have run out: ask for more by --photos-count.")


def show(vendor: str, alone: Turns, beside: Turns, seen: Seen) -> bool:
    """Print what came of it; gives whether all bars are kept."""
    cuts = quantiles(seen.answers_ms, n=100)
    late_bar_ms = PERCENTILE_BAR_MS[vendor]
    slowed = 1 - beside.rate_per_s / alone.rate_per_s
    are_kept = {"errors": not seen.errors, "p95": cuts[94] < late_bar_ms, "workers": slowed < SLOWED_BAR}
    each_ms = 1000 * beside.web_cpu_s / beside.elapsed_s / (len(seen.answers_ms) / seen.elapsed_s)
    print(
        f"{vendor:10} part: {len(seen.answers_ms):,} answers, {seen.fresh_count:,} of them new; {len(seen.errors)} errors "
        f"(bar 0: {verdict(are_kept['errors'])}); p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms (bar {late_bar_ms:.0f} "
        f"ms: {verdict(are_kept['p95'])}), p99 {cuts[98]:.0f} ms, maximum {max(seen.answers_ms):.0f} ms"
    )
    print(
        f"{vendor:10} workers: {alone.rate_per_s:.1f} photos/s alone, {beside.rate_per_s:.1f} beside, slowed by "
        f"{slowed:.1%} (bar {SLOWED_BAR:.0%}: {verdict(are_kept['workers'])}); web process {each_ms:.1f} CPU ms an answer, "
        f"{beside.web_cpu_s / beside.elapsed_s:.0%} of a core; load {min(alone.loads + beside.loads):.0f} to "
        f"{max(alone.loads + beside.loads):.0f}",
        flush=True,
    )
    for error in seen.errors[:ERRORS_SHOWN]:
        print(f"{vendor:10} error: {error}", flush=True)
    return all(are_kept.values())


if __name__ == "__main__":
    os.chdir(HOUSE)
    sys.exit(main())
