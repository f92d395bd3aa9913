"""Makes rows for tests: plain functions, keywords only, one row each with sensible defaults."""

from base64 import b64encode
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.models.commit import Commit
from processing.states import BatchKind, BatchStatus, Stage, Verdict
from recovery import seal
from recovery.models import Checkpoint, CheckpointType, Crash
from recovery.versions import SCHEMA

_pids = count(1000)
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_session(*, stage: Stage = Stage.RUNNING, **columns: Any) -> ProcessingSession:
    """Make a session without any batch; `total` is 0 once the scan has ended."""
    defaults: dict[str, Any] = {
        "name": "Holiday",
        "source": "/photos",
        "source_path": b"/photos",
        "preset_name": "Adobe Stock",
        "preset": {},
        "batch_size": 4,
        "checkpoint_interval": 2,
        "total": None if stage == Stage.SCANNING else 0,
    }
    session = ProcessingSession.objects.create(stage=stage, **(defaults | columns))
    session.refresh_from_db()
    return session


def make_worker(**columns: Any) -> Worker:
    """Make a living parent; give `parent` to make a laborer of it."""
    defaults: dict[str, Any] = {
        "token": uuid4().hex,
        "host": "atelier",
        "boot_id": "boot",
        "pid": next(_pids),
    }
    worker = Worker.objects.create(**(defaults | columns))
    worker.refresh_from_db()
    return worker


def make_batch(
    *,
    session: ProcessingSession,
    kind: BatchKind = BatchKind.PHOTOS,
    photos_count: int = 4,
    worker: Worker | None = None,
    **columns: Any,
) -> Batch:
    """Make a batch behind the session's last one, with a manifest; leased to `worker` when one is given."""
    before = Batch.objects.filter(session=session).order_by("number")
    first = sum(before.values_list("photos_count", flat=True))
    photos_count = photos_count if kind == BatchKind.PHOTOS else 0
    defaults: dict[str, Any] = {
        "number": before.count(),
        "first_position": first,
        "manifest": make_manifest(first=first, photos_count=photos_count),
        "status": BatchStatus.QUEUED if worker is None else BatchStatus.LEASED,
        "lease": 0 if worker is None else 1,
        "attempt": session.attempt,
    }
    values = defaults | columns
    batch = Batch.objects.create(
        session=session, kind=kind, photos_count=photos_count, worker=worker, **values
    )
    batch.refresh_from_db()
    return batch


def make_manifest(*, first: int, photos_count: int) -> dict[str, Any]:
    """Make a batch's manifest of photos that lie nowhere."""
    return {
        "photos": [
            [b64encode(b"%06d.jpg" % position).decode("ascii"), 1000 + position, 10**18 + position]
            for position in range(first, first + photos_count)
        ]
    }


def make_result(
    *, batch: Batch, position: int, verdict: Verdict = Verdict.APPROVED, reason: str = "", **columns: Any
) -> ImageResult:
    """Make a result that is not stored yet, as a worker hands it to `commit`."""
    defaults: dict[str, Any] = {
        "path": b"%06d.jpg" % position,
        "path_text": f"{position:06d}.jpg",
        "size_bytes": 1000 + position,
        "mtime_ns": 10**18 + position,
        "sha256": f"{position:064x}",
        "reasons": [{"code": reason, "measured": None, "limit": None}] if reason else [],
        "decision": verdict,
        "lease": batch.lease,
        "attempt": batch.attempt,
    }
    values = defaults | columns
    return ImageResult(session_id=batch.session_id, batch=batch, position=position, verdict=verdict, **values)


def make_results(*, batch: Batch, photos_count: int, **columns: Any) -> list[ImageResult]:
    """Make results, not stored yet, of the first photos of a batch that have none."""
    return [
        make_result(batch=batch, position=photo.position, **columns)
        for photo in batch.missing()[:photos_count]
    ]


def make_checkpoint(
    *,
    session: ProcessingSession,
    checkpoint_type: CheckpointType = CheckpointType.IMAGE,
    **columns: Any,
) -> Checkpoint:
    """Make a sealed checkpoint of a session that no ledger and no chain knows; give `session_state` to spoil it."""
    defaults: dict[str, Any] = {"sequence": 1, "processed_count": 0, "created_at": MADE_AT}
    spoilt = columns.pop("session_state", None)
    values = defaults | columns
    values["created_at"] = datetime.fromisoformat(str(values["created_at"]))
    checkpoint = Checkpoint(session=session, checkpoint_type=checkpoint_type, **values)
    seal.seal(checkpoint, {"versions": {"schema": SCHEMA}})
    if spoilt is not None:
        checkpoint.session_state = spoilt
    checkpoint.save(force_insert=True)
    checkpoint.refresh_from_db()
    return checkpoint


def make_crash(*, worker: Worker, **columns: Any) -> Crash:
    """Make the crash of a process."""
    crash = Crash.objects.create(worker=worker, **columns)
    crash.refresh_from_db()
    return crash


def no_seal(commit: Commit) -> None:
    """Take no checkpoint of a commit."""
