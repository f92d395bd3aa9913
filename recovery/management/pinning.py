"""Commands that keep a checkpoint for ever, or no longer."""

from argparse import ArgumentParser
from typing import Any, ClassVar

from processing.management.base import StockproofCommand, acting_person
from processing.management.recoveries import checkpoint_named
from recovery import checkpoint_acts
from recovery.published import checkpoint_of


class PinCommand(StockproofCommand):
    """Sets or clears the mark that keeps one checkpoint."""

    keeps: ClassVar[bool]
    done: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the checkpoint."""
        super().add_arguments(parser)
        parser.add_argument("checkpoint", metavar="CHECKPOINT", help="Its id, or a unique prefix of it.")

    def handle(self, *, checkpoint: str, **_options: Any) -> None:
        """Do it."""
        found = checkpoint_named(checkpoint)
        checkpoint_acts.pin(found, keeps=self.keeps, actor=acting_person())
        if self.wants_json:
            self.emit("checkpoint", checkpoint_of(found))
        else:
            self.say(f"Checkpoint {found.pk} {self.done}.")
