"""`unpin_checkpoint`: let a checkpoint go when its time has come."""

from recovery.management.pinning import PinCommand


class Command(PinCommand):
    """Unpins a checkpoint."""

    help = "Keep a checkpoint no longer than others of its type."
    example = "unpin_checkpoint 5f0c1a"
    keeps = False
    done = "is kept no longer than others of its type"
