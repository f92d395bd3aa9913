"""`pause`: hand out no more work of a session."""

from processing.management.stepping import HoldCommand
from recovery import acts


class Command(HoldCommand):
    """Pauses a session."""

    help = "Pause a session. Photos that are being analyzed still land; `resume` goes on."
    example = 'pause latest --wait --reason "the laptop moves"'
    hold = staticmethod(acts.pause)
    done = "paused"
