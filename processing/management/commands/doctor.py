"""`doctor`: whether everything that the work needs is there."""

from typing import Any

from processing.management.base import StockproofCommand
from processing.management.checkup import all_checks
from processing.management.failures import ChecksFailed


class Command(StockproofCommand):
    """Prints one line per check."""

    help = "Look at Python, database, disk, clock, device, decoders and workers; exit code 1 when one is not well."
    example = "doctor --json"
    # It says itself what these would stop it for.
    requires_migrations_checks = False
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        """Look, and say what was found."""
        failed = []
        for check in all_checks():
            if self.wants_json:
                self.emit("check", check.published())
            else:
                self.say(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<13} {check.text}")
                if check.hint:
                    self.say(f"{'':<20}{check.hint}")
            if not check.ok:
                failed.append(check.name)
        if failed:
            raise ChecksFailed(f"Not well: {', '.join(failed)}.", hint="Each says above what to do.")
