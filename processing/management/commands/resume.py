"""`resume`: lift a pause."""

from argparse import ArgumentParser
from typing import Any

from processing.management.base import StockproofCommand
from processing.management.stepping import tell_step


class Command(StockproofCommand):
    """Lets a paused session go on."""

    help = "Lift a pause: workers take the session's work again."
    example = "resume latest"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session."""
        super().add_arguments(parser)
        parser.add_argument("session", metavar="ID", help="Its id, a unique prefix of it, or latest.")

    def handle(self, **options: Any) -> None:
        """Lift the pause."""
        session = self.session_named(options["session"])
        session.resume()
        tell_step(self, session, "resumed")
