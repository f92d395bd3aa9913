"""Does every page answer as quickly, with as many queries, however many results there are?

Run: python -m bench.pages [--rows 1000 1000000] [--asks 5] [--vendor sqlite]. Signs that many results in throwaway
databases, on SQLite and on a PostgreSQL that it starts itself, and puts a crash, recoveries, checkpoints, a person's
verdicts, other sessions and entries of the audit log beside them, as many at every size. Then it asks for every page
through Django's test client, so what is measured is the server's own work. The files of the results do not exist, and
recoveries take the source for unchanged, as bench.recover does. The bars: no query more than at the smallest size, less
than 100 ms in the median, less than 100 kB. `--plans` prints the queries of the pages that miss one.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import django

from bench.commit import VENDORS, make_urls, set_up, verdict
from bench.product import HOUSE

if TYPE_CHECKING:
    from django.test import Client

    from bench.furnished import Furnished

SERVER_BAR_MS = 100.0
SIZE_BAR_BYTES = 100_000
WARM_ASKS = 2
SLOWEST_SHOWN = 3
SQL_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Page:
    """One page: what it is called, its address, whether HTMX asks for it as a part, and whether as administrator."""

    name: str
    path: str
    is_part: bool = False
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What a page took: milliseconds of wall clock and of this process's CPU, bytes, and its queries in order."""

    wall_ms: list[float]
    cpu_ms: list[float]
    size_bytes: int
    queries: list[tuple[float, str]]


def main() -> int:
    """Ask for all pages at all sizes on each database; exit 1 when a page misses a bar."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--asks", type=int, default=5)
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        for vendor in arguments.vendor:
            sizes = {
                rows_count: measure(vendor, rows_count, url, arguments.asks)
                for rows_count, url in make_urls(vendor, sorted(arguments.rows), Path(place), stack)
            }
            missed += show(vendor, sizes, plans=arguments.plans)
        django.db.connections.close_all()
    return 1 if missed else 0


def measure(vendor: str, rows_count: int, url: str, asks: int) -> dict[str, Answered]:
    """Fill a database and ask for every page."""
    from bench.furnished import furnish  # noqa: PLC0415 -- needs Django set up

    begun_s = time.monotonic()
    furnished = furnish(url, rows_count)
    print(f"{vendor:10} {rows_count:9,} rows furnished in {time.monotonic() - begun_s:.0f} s", flush=True)
    clients = {False: signed_in(furnished.owner), True: signed_in(furnished.administrator)}
    return {page.name: ask(clients[page.is_admin], page, asks) for page in pages_of(furnished)}


def signed_in(user: Any) -> "Client":
    """Give a browser in which somebody has signed in."""
    from django.test import Client  # noqa: PLC0415 -- needs Django set up

    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def pages_of(furnished: "Furnished") -> list[Page]:
    """Name every page, and the parts that it asks for again and again."""
    own = f"/sessions/{furnished.session.pk}/"
    deep = furnished.rows_count * 9 // 10
    return [
        Page("list of sessions", "/"),
        Page("list of sessions, part", "/", is_part=True),
        Page("session", own),
        Page("session, part", own, is_part=True),
        *results_of(own, deep),
        Page("timeline", f"{own}timeline/"),
        Page("checkpoints", f"{own}checkpoints/"),
        Page("recovery", f"{own}recovery/"),
        Page("recovery, ways as part", f"{own}recovery/?part=ways", is_part=True),
        Page("recovery, undo as part", f"{own}recovery/?part=undo", is_part=True),
        Page("recovery dashboard", "/recovery/"),
        Page("recovery dashboard, running", "/recovery/?part=running", is_part=True),
        Page("recovery dashboard, waiting", "/recovery/?part=interrupted", is_part=True),
        Page("crashes", "/recovery/crashes/"),
        Page("statistics", "/statistics/?since=all"),
        Page("audit", "/audit/"),
        Page("audit, all", "/audit/", is_admin=True),
        Page("settings", "/settings/"),
        Page("new session", "/sessions/new/"),
        *administration_of(furnished),
    ]


def results_of(own: str, deep: int) -> list[Page]:
    """Name the pages of photos, unfiltered, filtered, and far behind the first one."""
    from bench.furnished import RARE_REASON  # noqa: PLC0415 -- needs Django set up

    results = f"{own}results/"
    return [
        Page("results", results),
        Page("results, far behind", f"{results}?after={deep}"),
        Page("results, news", f"{results}?seen=1", is_part=True),
        Page("results, rejected", f"{results}?verdict=rejected"),
        Page("results, rejected, far behind", f"{results}?verdict=rejected&after={deep}"),
        Page("results, unreadable", f"{results}?verdict=unreadable"),
        Page("results, common reason", f"{results}?reason=noise&after={deep}"),
        Page("results, rare reason", f"{results}?reason={RARE_REASON}"),
        Page("results, rare reason, rejected", f"{results}?reason={RARE_REASON}&verdict=rejected"),
        Page("results, reason of compare", f"{results}?reason=similar"),
        Page("results, all of a filter", f"{results}all/?say=rejected&verdict=approved"),
        Page("photo", f"{results}{deep}/"),
        Page("photo among rejected", f"{results}{deep // 10 * 10 + 9}/?verdict=rejected"),
        Page("photo among rare ones", f"{results}{deep}/?reason={RARE_REASON}"),
    ]


def administration_of(furnished: "Furnished") -> list[Page]:
    """Name the lists of the administration that grow with the results."""
    from processing.models import ImageResult  # noqa: PLC0415 -- needs Django set up

    newest = ImageResult.objects.order_by("-pk").values_list("pk", flat=True)[0]
    lists = {
        "sessions": "processing/processingsession/",
        "batches": "processing/batch/",
        "results": "processing/imageresult/",
        "one result": f"processing/imageresult/{newest}/change/",
        "one session": f"processing/processingsession/{furnished.session.pk}/change/",
        "overrides": "processing/override/",
        "checkpoints": "recovery/checkpoint/",
        "crashes": "recovery/crash/",
        "audit entries": "recovery/auditentry/",
    }
    return [Page(f"admin, {name}", f"/admin/{path}", is_admin=True) for name, path in lists.items()]


def ask(client: "Client", page: Page, asks: int) -> Answered:
    """Ask for a page until it is warm, then so many times, then once more for its queries.

    Raises RuntimeError when it does not answer as it should.
    """
    from django.db import connection  # noqa: PLC0415 -- needs Django set up

    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{page.path}"} if page.is_part else {}
    queries: list[tuple[float, str]] = []

    def note_query(execute: Any, sql: str, *rest: Any) -> Any:
        begun_s = time.monotonic()
        try:
            return execute(sql, *rest)
        finally:
            queries.append((1000 * (time.monotonic() - begun_s), sql))

    timed, size_bytes = [], 0
    for number in range(WARM_ASKS + asks + 1):
        with ExitStack() as stack:
            if number == WARM_ASKS + asks:
                stack.enter_context(connection.execute_wrapper(note_query))
            wall_s, cpu_s = time.monotonic(), time.process_time()
            response = client.get(page.path, headers=headers)
            timed.append((1000 * (time.monotonic() - wall_s), 1000 * (time.process_time() - cpu_s)))
        if response.status_code != 200:
            raise RuntimeError(f"{page.name} answered {response.status_code}: {page.path}")
        size_bytes = len(response.content)
    counted = timed[WARM_ASKS:-1]
    return Answered([wall for wall, _cpu in counted], [cpu for _wall, cpu in counted], size_bytes, queries)


def show(vendor: str, sizes: dict[int, dict[str, Answered]], *, plans: bool) -> int:
    """Print each page at each size and its verdict; gives how many miss a bar."""
    smallest = sizes[min(sizes)]
    missed = 0
    load = os.getloadavg()[0]
    print(
        f"{vendor:10} median (maximum) ms, CPU ms, queries, kB for {', '.join(f'{one:,}' for one in sizes)} rows; load {load:.0f}"
    )
    for name in smallest:
        answers = [sizes[rows_count][name] for rows_count in sorted(sizes)]
        misses = misses_of(answers)
        missed += bool(misses)
        figures = "  ".join(words_of(one) for one in answers)
        print(f"{vendor:10} {name:30} {figures}  {f'MISSED: {misses}' if misses else 'kept'}", flush=True)
        if misses and plans:
            show_queries(answers[-1])
    print(
        f"{vendor:10} bars of all pages: {verdict(not missed)} ({missed} of {len(smallest)} pages miss one)",
        flush=True,
    )
    return missed


def misses_of(answers: list[Answered]) -> str:
    """Say which bars a page misses at any size."""
    grown = max(len(one.queries) for one in answers) > len(answers[0].queries)
    slow = max(median(one.wall_ms) for one in answers) >= SERVER_BAR_MS
    large = max(one.size_bytes for one in answers) >= SIZE_BAR_BYTES
    named = {"queries": grown, "time": slow, "size": large}
    return ", ".join(name for name, is_missed in named.items() if is_missed)


def words_of(answered: Answered) -> str:
    """Say what a page took at one size."""
    return (
        f"{median(answered.wall_ms):6.0f} ({max(answered.wall_ms):4.0f}) {median(answered.cpu_ms):5.0f} "
        f"{len(answered.queries):3} {answered.size_bytes / 1000:4.0f}"
    )


def show_queries(answered: Answered) -> None:
    """Print the slowest queries of a page."""
    for elapsed_ms, sql in sorted(answered.queries, reverse=True)[:SLOWEST_SHOWN]:
        print(f"           {elapsed_ms:8.1f} ms  {sql[:SQL_SHOWN]}", flush=True)


if __name__ == "__main__":
    os.chdir(HOUSE)
    sys.exit(main())
