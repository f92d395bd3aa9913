"""Checkpoints, recoveries, verifications and audit entries as the world is told of them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from processing.models import ProcessingSession
from processing.progress import iso
from recovery import seal
from recovery.findings import Finding
from recovery.integrity import Tally
from recovery.models import AuditEntry, Checkpoint
from recovery.resume import Recovered

PAGE_CHECKPOINTS = 200


def checkpoint_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Give the published checkpoint."""
    return {
        "checkpoint": str(checkpoint.pk),
        "session": str(checkpoint.session_id),
        "checkpoint_type": str(checkpoint.checkpoint_type),
        "processed_count": checkpoint.processed_count,
        "current_batch": checkpoint.current_batch,
        "current_image_index": checkpoint.current_image_index,
        "bytes": len(checkpoint.session_state),
        "intact": seal.problem_of(checkpoint) is None,
        "pinned": checkpoint.pinned,
        "created_at": iso(checkpoint.created_at),
    }


def checkpoints_of(session: ProcessingSession, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Give a session's checkpoints, newest first; they are read page by page, so few are in memory at once."""
    ids = list(Checkpoint.objects.newest_first(session).values_list("pk", flat=True)[:limit])
    for start in range(0, len(ids), PAGE_CHECKPOINTS):
        yield from _page(ids[start : start + PAGE_CHECKPOINTS])


def _page(ids: list[UUID]) -> Iterator[dict[str, Any]]:
    by_id = Checkpoint.objects.in_bulk(ids)
    yield from (checkpoint_of(by_id[pk]) for pk in ids if pk in by_id)


def recovery_of(session: ProcessingSession, recovered: Recovered) -> dict[str, Any]:
    """Give the published recovery or rollback."""
    return {
        "session": str(session.pk),
        "attempt": recovered.attempt,
        "option": recovered.option,
        "success": recovered.success,
        "message": recovered.message,
        "start_index": recovered.start_index,
        "keep": recovered.keep,
        "redo": recovered.redo,
        "left": recovered.left,
    }


def finding_of(finding: Finding) -> dict[str, Any]:
    """Give the published finding."""
    return {"code": finding.code, "text": finding.text, "repairable": finding.repairable}


def verification_of(session: ProcessingSession, tally: Tally) -> dict[str, Any]:
    """Give the published verification."""
    return {
        "session": str(session.pk),
        "safe": tally.verdict.value,
        "results": tally.results,
        "checkpoints": tally.checkpoints,
        "findings": tally.findings,
        "repaired": tally.mended,
    }


def entry_of(entry: AuditEntry) -> dict[str, Any]:
    """Give the published audit entry."""
    return {
        "number": entry.number,
        "at": iso(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "session": None if entry.session is None else str(entry.session),
        "outcome": entry.outcome,
        "details": dict(sorted(entry.details.items())),
        "mac": bytes(entry.mac).hex(),
        "address": entry.address,
    }
