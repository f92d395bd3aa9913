"""What do checkpoints cost, against a run without any?

Run: python -m bench.checkpoints [--photos DIR] [--rounds 20] [--pairs 3] [--vendor sqlite]. Checkpoints off is a seal
that does nothing. Two measurements in one run, on SQLite and on a PostgreSQL that it starts itself: commits of ten
results with and without their checkpoint in turn, against the time that their ten photos take; and, since small
differences drown in a whole run, how much of a worker's batches of real photos its seal takes, beside the same batches
without it. The bars: less than 1 % of the processing time by CPU (aim: 0.3 %).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean, median, median_low
from typing import TYPE_CHECKING

import django

from bench.commit import CHUNK_PHOTOS, VENDORS, PhotoMeter, make_urls, set_up, verdict
from bench.photos import add_photos_argument, multiply

if TYPE_CHECKING:
    from processing.models import Batch, ProcessingSession
    from processing.models.commit import Commit, Seal
    from processing.runner import Slice

BAR, AIM = 0.01, 0.003
BATCHES_PER_ROUND = 2
BATCH_PHOTOS = 50


def off(_commit: "Commit") -> None:
    """Take no checkpoint: the seal of a run without any."""


@dataclass(slots=True)
class MeteredSeal:
    """A seal that notes what it takes, of wall clock and of its thread's CPU."""

    seal: "Seal"
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __call__(self, commit: "Commit") -> bytes | None:
        wall_s, cpu_s = time.monotonic(), time.thread_time()
        head = self.seal(commit)
        self.wall_s += time.monotonic() - wall_s
        self.cpu_s += time.thread_time() - cpu_s
        return head


@dataclass(slots=True)
class Turns:
    """What batches took with checkpoints, or without."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def time(self, act: Callable[[], object]) -> None:
        """Take one turn."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        act()
        self.wall_s.append(time.monotonic() - wall_s)
        self.cpu_s.append(time.process_time() - cpu_s)


def main() -> None:
    """Measure on each database."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_photos_argument(parser)
    parser.add_argument("--rounds", type=int, default=20, help="of ten commits each way")
    parser.add_argument("--pairs", type=int, default=3, help="of batches of 50 photos; 0: none")
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as name, ExitStack() as stack:
        place = Path(name)
        set_up(place)
        meter = PhotoMeter(arguments.photos, place / "photos")
        print(f"{meter.kind}, {meter.sizes}", flush=True)
        for vendor in arguments.vendor:
            commits, whole = (url for _count, url in make_urls(vendor, [0, 1], place, stack))
            compare_commits(vendor, commits, meter, arguments.rounds)
            compare_batches(vendor, whole, place, arguments.pairs)
        django.db.connections.close_all()


def compare_commits(vendor: str, url: str, meter: PhotoMeter, rounds: int) -> None:
    """Commit with and without checkpoints in turn, in one session, and take photos through in between."""
    from bench.ledger import Ledger  # noqa: PLC0415 -- needs Django set up
    from recovery import checkpoints  # noqa: PLC0415 -- needs Django set up

    ledger = Ledger(url, 0)
    ledger.fill()
    for number in range(rounds):
        if number % 2 == 0:
            meter.measure()
        ledger.commit_batches(BATCHES_PER_ROUND)
    cpu_ms = fmean(ledger.cpu_ms) - fmean(ledger.bare_cpu_ms)
    show_share(vendor, "client's CPU", cpu_ms, fmean(meter.cpu_ms))
    wall_ms = median(ledger.wall_ms) - median(ledger.bare_wall_ms)
    show_share(vendor, "wall time, medians, if commits did not overlap", wall_ms, median(meter.wall_ms))
    for name, seal in (("with", checkpoints.take), ("without", off)):
        show_statements(vendor, name, ledger.count_queries(seal))


def show_share(vendor: str, name: str, checkpoint_ms: float, photo_ms: float) -> None:
    """Print what checkpoints add to ten photos."""
    share = checkpoint_ms / (CHUNK_PHOTOS * photo_ms)
    print(
        f"{vendor:10} {share:.2%} of the {name}: {checkpoint_ms:.2f} ms a checkpoint, {photo_ms:.0f} ms a photo "
        f"(bar {BAR:.0%}: {verdict(share < BAR)}; aim {AIM:.1%}: {verdict(share < AIM)})",
        flush=True,
    )


def show_statements(vendor: str, name: str, counts: list[int]) -> None:
    """Print the statements of a commit; the first of a batch reads what persons have said of it, so it has one more."""
    *inside, ending = counts
    print(
        f"{vendor:10} statements {name} checkpoints: {median_low(inside)} inside a batch, {ending} at its end, "
        "BEGIN and COMMIT apart"
    )


def compare_batches(vendor: str, url: str, place: Path, pairs: int) -> None:
    """Work batches of real photos off as a worker does, with and without checkpoints in turn."""
    from processing.runner import run_batch  # noqa: PLC0415 -- needs Django set up
    from recovery import checkpoints  # noqa: PLC0415 -- needs Django set up
    from tests.slices import worker_slice  # noqa: PLC0415 -- needs Django set up

    if not pairs:
        return
    session = scanned(url, place, vendor, BATCH_PHOTOS * (2 * pairs + 1))
    metered, sealed, bare = MeteredSeal(checkpoints.take), Turns(), Turns()
    with worker_slice(seal=off, group_size=4) as work:
        run_batch(claimed(session, work), work)  # The first batch warms everything up.
        for number in range(pairs):
            # Who comes first changes from pair to pair.
            for seal, turns in ((metered, sealed), (off, bare))[:: 1 if number % 2 else -1]:
                work.seal, batch = seal, claimed(session, work)
                turns.time(partial(run_batch, batch, work))
    print(
        f"{vendor:10} of a worker's batches: {metered.cpu_s / sum(sealed.cpu_s):.2%} of the CPU and "
        f"{metered.wall_s / sum(sealed.wall_s):.2%} of the wall time in the seal (overlapping, in the writer thread)"
    )
    for name, one, other in (("CPU", sealed.cpu_s, bare.cpu_s), ("wall", sealed.wall_s, bare.wall_s)):
        ratios = [f"{a / b - 1:+.1%}" for a, b in zip(one, other, strict=True)]
        print(
            f"{vendor:10} with against without, {name}: {sum(one) / sum(other) - 1:+.2%} "
            f"({', '.join(ratios)}; {1000 * fmean(one) / BATCH_PHOTOS:.0f} ms a photo)",
            flush=True,
        )


def scanned(url: str, place: Path, vendor: str, photos_count: int) -> "ProcessingSession":
    """Make a session over hard links of the photos, and list them."""
    from django.core.management import call_command  # noqa: PLC0415 -- needs Django set up

    from processing.models import Preset  # noqa: PLC0415 -- needs Django set up
    from tests.databases import point_django_at  # noqa: PLC0415 -- needs Django set up
    from tests.slices import scanned_session  # noqa: PLC0415 -- needs Django set up

    point_django_at(url)
    call_command("migrate", verbosity=0)
    source = place / f"source-{vendor}"
    multiply(place / "photos", source, photos_count)
    preset = Preset.objects.get()
    sizes = {"batch_size": BATCH_PHOTOS, "checkpoint_interval": CHUNK_PHOTOS}
    return scanned_session(source.resolve(), preset_name=preset.name, preset=preset.rules, **sizes)


def claimed(session: "ProcessingSession", work: "Slice") -> "Batch":
    """Claim the next batch of photos for the worker of a slice."""
    from processing.models import Batch  # noqa: PLC0415 -- needs Django set up

    batch = Batch.objects.claim(session.pk, work.presence.row)
    if batch is None:
        raise RuntimeError("No batch is left to claim.")
    return batch


if __name__ == "__main__":
    main()
