"""`checkpoint ID`: take a checkpoint by hand."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session, plain_text
from processing.management.base import StockproofCommand, acting_person
from recovery import checkpoint_acts
from recovery.kinds import CheckpointType
from recovery.published import checkpoint_of

BY_HAND = (CheckpointType.MANUAL, CheckpointType.EMERGENCY)


class Command(StockproofCommand):
    """Takes a checkpoint."""

    help = (
        "Take a checkpoint of a session in any state but cancelled. A manual one is kept for ever; of the "
        "emergency ones the newest."
    )
    example = 'checkpoint latest --note "before the new lens profile"'

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session, the type and the note."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "--type",
            choices=[kind.value for kind in BY_HAND],
            default=CheckpointType.MANUAL.value,
            help="Default: %(default)s.",
        )
        parser.add_argument("--note", type=plain_text, default="", help="What it is for.")

    def handle(self, *, note: str, **options: Any) -> None:
        """Take it."""
        session = self.session_named(options["session"])
        kind = CheckpointType(options["type"])
        made = checkpoint_acts.take(session, kind, actor=acting_person(), note=note)
        if self.wants_json:
            self.emit("checkpoint", checkpoint_of(made))
        else:
            self.say(f"Checkpoint {made.pk} covers {made.processed_count} photos.")
