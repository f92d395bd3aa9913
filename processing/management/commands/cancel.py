"""`cancel`: give a session up for good."""

from processing.management.stepping import HoldCommand


class Command(HoldCommand):
    """Cancels a session."""

    help = "Cancel a session for good. Verdicts that are stored stay readable."
    example = "cancel latest --reason 'wrong folder'"
    step_name = "cancel"
    done = "cancelled"
