"""How long do the acts that touch every verdict keep others from writing, and how much memory do they take?

Run: python -m bench.locks [--rows 100000 500000 1000000] [--acts fresh_start undo override withdraw rotate_keys]
[--vendor sqlite]. Signs that many results in throwaway databases, on SQLite and on a PostgreSQL that it starts
itself. Meanwhile another process writes the session's row again and again, as pauses, claims and last commits do (on
SQLite any writer), and says how long it waited at most and in the median, and how often it was turned away. The limits
of `recovery.plans` and `recovery.undo` are lifted. rotate_keys is killed in the middle and goes on. The bar: half of
the time that a writer waits for SQLite before it gives up.
"""

import argparse
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import django

from bench.commit import VENDORS, make_urls, set_up, verdict
from bench.product import HOUSE
from bench.recover import children_cpu_s

if TYPE_CHECKING:
    from processing.models import ProcessingSession

ACTS = ("fresh_start", "undo", "override", "withdraw", "rotate_keys")
TICK_S, LOOK_S, DEADLINE_S = 0.02, 2.0, 7200.0
WAIT_BAR_S = 15.0
KB, MB = 1e3, 1e6


# Nothing that is measured has so many rows.
LIFTED = 10**9


def main() -> None:
    """Measure each act on each size on each database."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 500_000, 1_000_000])
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    parser.add_argument("--acts", choices=ACTS, nargs="+", default=ACTS)
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.probe:
        django.setup()
        probe()
        return
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        for vendor in arguments.vendor:
            for count, url in make_urls(vendor, arguments.rows, Path(place), stack):
                measure(vendor, count, url, arguments.acts)
        django.db.connections.close_all()


def measure(vendor: str, rows_count: int, url: str, acts: list[str]) -> None:
    """Fill a database, do the acts one after the other, and print what each took."""
    from bench.signed import fill_signed  # noqa: PLC0415 -- needs Django set up

    session = fill_signed(url, rows_count)
    session.latch()
    environment = os.environ | {"DATABASE_URL": url}
    for act in acts:
        with probing(environment) as waits:
            done = DEEDS[act](session, environment)
        longest_s = max(waits["waits_s"])
        late = sum(wait_s > 1 for wait_s in waits["waits_s"])
        print(
            f"{vendor:10} {rows_count:9,} rows: {act:12} {done}; others waited {longest_s:.2f} s at most (bar "
            f"{WAIT_BAR_S:g} s: {verdict(longest_s < WAIT_BAR_S)}), {1000 * median(waits['waits_s']):.0f} ms in the "
            f"median of {len(waits['waits_s'])}, {late} times over a second, {waits['refused']} refused",
            flush=True,
        )


@contextmanager
def probing(environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Let another process write all the while; afterwards the yielded dictionary holds how it fared."""
    fared: dict[str, Any] = {}
    command = [sys.executable, "-m", "bench.locks", "--probe"]
    with subprocess.Popen(
        command, cwd=HOUSE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The other writer has no pipes.")
        process.stdout.readline()
        try:
            yield fared
        finally:
            process.stdin.close()
            fared.update(json.loads(process.stdout.read()))


def probe() -> None:
    """Write the session's row until nobody listens any more, then say how long that took each time."""
    from django.db import OperationalError  # noqa: PLC0415 -- needs Django set up
    from django.db.models import F  # noqa: PLC0415 -- needs Django set up

    from processing.models import ProcessingSession  # noqa: PLC0415 -- needs Django set up

    waits_s, refused = [], 0
    print("begun", flush=True)
    while not select.select([sys.stdin], [], [], TICK_S)[0]:
        begun = time.monotonic()
        try:
            ProcessingSession.objects.update(lanes=F("lanes"))
        except OperationalError:
            refused += 1
        waits_s.append(time.monotonic() - begun)
    print(json.dumps({"waits_s": waits_s, "refused": refused}), flush=True)


def fresh_start(session: "ProcessingSession", _environment: dict[str, str]) -> str:
    """Put every verdict aside."""
    from bench.unlooked import look_away  # noqa: PLC0415 -- needs Django set up
    from recovery import plans  # noqa: PLC0415 -- needs Django set up
    from recovery.resume import execute_recovery  # noqa: PLC0415 -- needs Django set up

    look_away()
    plans.SQLITE_MOVED_MAX = LIFTED
    return timed(lambda: execute_recovery(session, "fresh_start", user_confirmed=True, by="bench"))


def undo(session: "ProcessingSession", _environment: dict[str, str]) -> str:
    """Take every verdict back."""
    from recovery import undo as undoing  # noqa: PLC0415 -- needs Django set up

    undoing.SQLITE_MOVED_MAX = LIFTED  # type: ignore[attr-defined] # the one seam
    return timed(lambda: undoing.rollback_recovery(session, by="bench"))


def timed(act: Callable[[], object]) -> str:
    """Do something in this process, and say what it took, and for how much of that it held locks."""
    from django.db import connection  # noqa: PLC0415 -- needs Django set up

    locked_s: list[float] = []

    def note_locks(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("BEGIN") or "FOR NO KEY UPDATE" in sql:
            locked_s.append(time.process_time())
        return execute(sql, *rest)

    Path("/proc/self/clear_refs").write_text("5")
    begun, cpu_s = time.monotonic(), time.process_time()
    with connection.execute_wrapper(note_locks):
        act()
    elapsed_s, ended_s = time.monotonic() - begun, time.process_time()
    peak_mb = read_peak_bytes("self") / MB
    return f"{elapsed_s:.1f} s, CPU {ended_s - cpu_s:.1f} s, {ended_s - locked_s[0]:.1f} s of it with locks, peak {peak_mb:.0f} MB"


def override(_session: "ProcessingSession", environment: dict[str, str]) -> str:
    """Overrule the machine in every photo."""
    return run(environment, "override", "latest", "--all", "--verdict", "rejected", "--yes")


def withdraw(_session: "ProcessingSession", environment: dict[str, str]) -> str:
    """Take that back."""
    return run(environment, "override", "latest", "--all", "--undo", "--yes")


def rotate_keys(session: "ProcessingSession", environment: dict[str, str]) -> str:
    """Bring all under a new key, through a kill in the middle."""
    from django.conf import settings  # noqa: PLC0415 -- needs Django set up

    words = [secrets.token_hex(32), *settings.STOCKPROOF_CHECKPOINT_KEYS]
    environment = environment | {"STOCKPROOF_CHECKPOINT_KEYS": ",".join(words)}
    begun = time.monotonic()
    with started(environment, "rotate_keys") as process:
        while count_old(session) > session.processed / 2:
            if process.poll() is not None or time.monotonic() - begun > DEADLINE_S:
                raise RuntimeError("rotate_keys was not to be killed in the middle.")
            time.sleep(LOOK_S)
        process.send_signal(signal.SIGKILL)
    killed = f"killed after {time.monotonic() - begun:.1f} s, {count_old(session):,} left"
    went_on = run(environment, "rotate_keys")
    if count_old(session):
        raise RuntimeError("rotate_keys has left results under the old key.")
    return f"{killed}, gone on in {went_on}"


def count_old(session: "ProcessingSession") -> int:
    """Count the results of batches whose digest stands under the old key: a batch is one transaction."""
    from django.conf import settings  # noqa: PLC0415 -- needs Django set up

    from processing import keys  # noqa: PLC0415 -- needs Django set up
    from processing.models import Batch  # noqa: PLC0415 -- needs Django set up

    own = keys.id_of(settings.STOCKPROOF_CHECKPOINT_KEYS[0])
    digests = Batch.objects.filter(session=session, processed__gt=0).values_list("photos_count", "digest")
    return sum(count for count, digest in digests if bytes(digest)[: keys.KEY_ID_BYTES] == own)


def started(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command of the product; what it prints is not kept."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(
        command, cwd=HOUSE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def run(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of the product, and say what it took; the peak is the last one seen while it ran."""
    begun, peak_bytes, used_s = time.monotonic(), 0.0, children_cpu_s()
    with started(environment, *arguments) as process:
        while process.poll() is None:
            peak_bytes = read_peak_bytes(process.pid) or peak_bytes
            time.sleep(TICK_S)
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}.")
    used_s = children_cpu_s() - used_s
    return f"{time.monotonic() - begun:.1f} s, CPU {used_s:.1f} s, peak {peak_bytes / MB:.0f} MB"


def read_peak_bytes(pid: int | str) -> float:
    """Read the most memory that a process had; 0 when it is over."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((KB * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0.0)


DEEDS: dict[str, Callable[["ProcessingSession", dict[str, str]], str]] = {
    "fresh_start": fresh_start,
    "undo": undo,
    "override": override,
    "withdraw": withdraw,
    "rotate_keys": rotate_keys,
}


if __name__ == "__main__":
    os.chdir(HOUSE)
    main()
