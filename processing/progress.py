"""What the world is told of a session: the published objects of status, session and worker."""

from datetime import UTC, datetime
from typing import Any

from django.db.models.functions import Now

from processing.models import ProcessingSession, Worker
from processing.states import Status

WORKING = (Status.SCANNING, Status.RUNNING, Status.COMPARING)


def iso(instant: datetime | None) -> str | None:
    """Write an instant as ISO 8601 in UTC."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def status_of(session: ProcessingSession) -> dict[str, Any]:
    """Give the published status of a session; stored counters only, never a COUNT over results."""
    counts = session.counts()
    rate_per_s = rate_of(session) if session.status in WORKING else None
    return {
        "session": str(session.pk),
        "status": session.status.value,
        "processed": counts["processed"],
        "total": session.total,
        "approved": counts["approved"],
        "rejected": counts["rejected"],
        "failed": counts["unreadable"] + counts["quarantined"],
        "skipped": session.skipped_count,
        "rate_per_s": rate_per_s,
        "eta_s": _eta_s(session, counts["processed"], rate_per_s),
    }


def rate_of(session: ProcessingSession) -> float | None:
    """Sum what the living workers of a session say of their pace, in photos per second; None: not known."""
    rates = [
        worker.telemetry.get("rate_per_s")
        for worker in Worker.objects.living().filter(lane_session=session).order_by("pk")
    ]
    known = [float(rate) for rate in rates if rate]
    return round(sum(known), 2) if known else None


def _eta_s(session: ProcessingSession, processed: int, rate_per_s: float | None) -> float | None:
    if session.total is None or not rate_per_s:
        return None
    return round((session.total - processed) / rate_per_s, 1)


def session_of(session: ProcessingSession) -> dict[str, Any]:
    """Give the published session without its workers and its last crash."""
    return status_of(session) | {
        "name": session.name,
        "source": session.source,
        "preset": session.preset_name,
        "created_at": iso(session.created_at),
    }


def workers_of(session: ProcessingSession) -> list[dict[str, Any]]:
    """Give the living workers in a lane of the session."""
    workers = Worker.objects.living().laborers().filter(lane_session=session)
    return [worker_of(worker) for worker in workers.annotate(now=Now()).order_by("pk")]


def worker_of(worker: Any) -> dict[str, Any]:
    """Give one published worker; the query has annotated `now`, the database's clock."""
    return {
        "worker": worker.token,
        "host": worker.host,
        "pid": worker.pid,
        "device": worker.device,
        "heartbeat_age_s": round((worker.now - worker.heartbeat_at).total_seconds(), 1),
        "photo": worker.telemetry.get("photo"),
    }
