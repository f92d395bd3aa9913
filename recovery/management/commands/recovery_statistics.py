"""`recovery_statistics`: what crashes and recoveries have cost."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from processing.management.base import StockproofCommand
from recovery.models import CrashType
from recovery.statistics import Outcome, Statistics, read_since, statistics_since

COLUMNS = ("WHAT", "HOW MUCH")


def since(text: str) -> datetime:
    """Read the instant to begin at; a wrong one is a usage error."""
    try:
        return read_since(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


class Command(StockproofCommand):
    """Prints the statistics."""

    help = "Say what crashes and recoveries have cost: counts, outcomes, time lost, photos done twice."
    example = "recovery_statistics --since 30d"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the beginning."""
        super().add_arguments(parser)
        parser.add_argument(
            "--since",
            type=since,
            metavar="WHEN",
            help="From here on: 30d, 12h or 45m ago, or an ISO date; default: of all times.",
        )

    def handle(self, *, since: datetime | None, **_options: Any) -> None:
        """Print them."""
        found = statistics_since(since)
        if self.wants_json:
            self.emit("statistics", found.published())
        else:
            self.show_table(COLUMNS, rows_of(found))


def rows_of(found: Statistics) -> list[list[object]]:
    """Lay the statistics out for people; a cause or an outcome that never came is left out."""
    causes = [[f"  {CrashType(name).label}", n] for name, n in found.crashes_by_type.items() if n]
    outcomes = [[f"  {Outcome(name).label}", n] for name, n in found.recoveries_by_outcome.items() if n]
    return [
        ["crashes", found.crashes],
        *causes,
        ["recoveries", found.recoveries],
        *outcomes,
        ["success rate", _percent(found.success_rate)],
        ["rollbacks", found.rollbacks],
        ["time lost, s", found.time_lost_s],
        ["photos done twice", found.photos_redone],
        ["integrity problems found", found.integrity_problems],
        ["integrity problems repaired", found.repaired],
        ["time in commits, of the work", _percent(found.checkpoint_cost_share)],
    ]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
