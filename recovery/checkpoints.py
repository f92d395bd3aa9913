"""Where processing meets checkpoints: what it is given to call inside its transactions."""

from processing.models import ProcessingSession
from processing.models.commit import Commit
from recovery.contents import Telemetry
from recovery.keeping import NOTHING
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint


def take(commit: Commit, telemetry: Telemetry = NOTHING) -> bytes | None:
    """Make the checkpoints of a commit; the `Seal` of processing. `telemetry` is what the worker tells of itself."""
    return Checkpoint.objects.take_if_due(commit, telemetry)


def sound_alarm(session: ProcessingSession, error: str) -> None:
    """Make the emergency checkpoint of a session that fails; the `Alarm` of processing."""
    Checkpoint.objects.create_session_checkpoint(session, CheckpointType.EMERGENCY, error=error)
