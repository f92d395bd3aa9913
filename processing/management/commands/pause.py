"""`pause`: hand out no more work of a session."""

from processing.management.stepping import HoldCommand


class Command(HoldCommand):
    """Pauses a session."""

    help = "Pause a session. Photos that are being analyzed still land; `resume` goes on."
    example = 'pause latest --wait --reason "the laptop moves"'
    step_name = "pause"
    done = "paused"
