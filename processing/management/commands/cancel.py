"""`cancel`: give a session up for good."""

from processing.management.stepping import HoldCommand
from recovery import acts


class Command(HoldCommand):
    """Cancels a session."""

    help = "Cancel a session for good. Verdicts that are stored stay readable."
    example = "cancel latest --reason 'wrong folder'"
    hold = staticmethod(acts.cancel)
    done = "cancelled"
