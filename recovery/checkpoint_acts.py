"""What people do to checkpoints, each with its entry in the audit log: commands, pages and REST call these."""

from uuid import UUID

from processing.models import ProcessingSession
from recovery.audit import Action, ActRefused, audited
from recovery.keeping import CheckpointGone
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint


def take(
    session: ProcessingSession,
    kind: CheckpointType,
    *,
    actor: str,
    note: str = "",
    address: str | None = None,
) -> Checkpoint:
    """Take a checkpoint by hand, whether or not one is due. Raises StepRefused when the session is cancelled."""
    with audited(Action.CHECKPOINT, actor=actor, session=session.pk, address=address) as details:
        made = Checkpoint.objects.create_session_checkpoint(session, kind, force=True, note=note)
        if made is None:
            raise RuntimeError("A forced checkpoint is always taken.")
        details.update(checkpoint=str(made.pk), type=kind.value, note=made.note)
    return made


def pin(checkpoint: Checkpoint, *, keeps: bool, actor: str, address: str | None = None) -> None:
    """Keep a checkpoint for ever, or no longer. Raises ActRefused when it was pruned a moment ago."""
    details = {"checkpoint": str(checkpoint.pk), "pinned": keeps}
    with audited(Action.PIN, actor=actor, session=checkpoint.session_id, address=address, details=details):
        try:
            Checkpoint.objects.pin(checkpoint, keeps=keeps)
        except CheckpointGone as error:
            raise ActRefused(str(error)) from error


def clean_up(session_id: UUID, keep: int, *, actor: str, address: str | None = None) -> int:
    """Delete the checkpoints of a session that nothing asks to keep; give how many."""
    with audited(Action.CLEANUP, actor=actor, session=session_id, address=address) as details:
        deleted = Checkpoint.objects.clean_up(session_id, keep)
        details.update(keep=keep, deleted=deleted)
    return deleted
