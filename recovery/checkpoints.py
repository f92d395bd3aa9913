"""Checkpoints as they are due: with each commit, at a batch's end, at each tenth of the session."""

from typing import Any

from processing.models import ProcessingSession
from processing.models.batch import Commit
from recovery.models import Checkpoint, CheckpointType, pack_state

TENTHS = 10


def take(commit: Commit) -> None:
    """Make the checkpoint of a commit, inside its transaction; the `Seal` of processing."""
    types = _types_due(commit)
    processed = commit.counters.get("processed", 0)
    finished = _finished_count(commit)
    for checkpoint_type in types:
        Checkpoint.objects.create(
            session_id=commit.batch.session_id,
            batch=commit.batch,
            checkpoint_type=checkpoint_type,
            sequence=commit.sequence,
            processed_count=finished if commit.ends_batch else finished + processed,
            current_batch=commit.batch.number,
            current_image_index=_next_position(commit),
            last_result=commit.last_result,
            session_state=pack_state(_state(commit)),
        )
    if CheckpointType.IMAGE in types:
        Checkpoint.objects.prune(commit.batch.session_id)


def _types_due(commit: Commit) -> list[CheckpointType]:
    if commit.session is None:
        return [CheckpointType.IMAGE]
    types = [CheckpointType.BATCH]
    total = commit.session.total
    if total and commit.processed_before * TENTHS // total < commit.session.processed * TENTHS // total:
        types.append(CheckpointType.MILESTONE)
    return types


def _finished_count(commit: Commit) -> int:
    if commit.session is not None:
        return commit.session.processed
    row = ProcessingSession.objects.filter(pk=commit.batch.session_id).values_list("processed", flat=True)
    return row.get()


def _next_position(commit: Commit) -> int | None:
    return None if commit.last_position is None else commit.last_position + 1


def _state(commit: Commit) -> dict[str, Any]:
    return {
        "kind": commit.batch.kind,
        "batch": commit.batch.number,
        "lease": commit.batch.lease,
        "attempt": commit.batch.attempt,
        "counters": dict(commit.counters),
        "reason_counts": dict(commit.reason_counts),
    }
