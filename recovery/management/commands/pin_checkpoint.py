"""`pin_checkpoint`: keep a checkpoint for ever."""

from recovery.management.pinning import PinCommand


class Command(PinCommand):
    """Pins a checkpoint."""

    help = "Keep a checkpoint for ever. `checkpoints ID` lists those of a session."
    example = "pin_checkpoint 5f0c1a"
    keeps = True
    done = "is kept for ever"
