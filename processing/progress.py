"""What the world is told of a session: the published objects of status, session and worker."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from processing.models import ProcessingSession, Worker
from processing.states import Status

WORKING = (Status.SCANNING, Status.RUNNING, Status.COMPARING)


def iso(instant: datetime | None) -> str | None:
    """Write an instant as ISO 8601 in UTC."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def status_of(session: ProcessingSession) -> dict[str, Any]:
    """Give the published status of a session; stored counters only, never a COUNT over results."""
    return statuses_of([session])[0]


def statuses_of(sessions: Sequence[ProcessingSession]) -> list[dict[str, Any]]:
    """Give the published statuses of some sessions, with two queries however many they are."""
    counts = ProcessingSession.objects.count_photos(*(session.pk for session in sessions))
    told = _telemetry_of([session.pk for session in sessions if session.status in WORKING])
    return [
        status_from(session, counts[session.pk], rate_per_s(told.get(session.pk, ()))) for session in sessions
    ]


def _telemetry_of(session_ids: Sequence[UUID]) -> dict[UUID, list[Mapping[str, Any]]]:
    """Read, by session, what its living workers say of themselves."""
    workers = Worker.objects.living().filter(lane_session__in=session_ids).order_by("pk")
    told: dict[UUID, list[Mapping[str, Any]]] = {}
    for session_id, telemetry in workers.values_list("lane_session_id", "telemetry"):
        told.setdefault(session_id, []).append(telemetry)
    return told


def rate_per_s(told: Iterable[Mapping[str, Any]]) -> float | None:
    """Sum what workers say of their pace, in photos per second; None when none of them says anything."""
    rates = [float(telemetry["rate_per_s"]) for telemetry in told if telemetry.get("rate_per_s")]
    return round(sum(rates), 2) if rates else None


def status_from(
    session: ProcessingSession, counts: Mapping[str, int], rate_per_s: float | None
) -> dict[str, Any]:
    """Give the published status of a session whose counts and pace have been read."""
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
        "eta_s": _eta_s(session.total, counts["processed"], rate_per_s),
    }


def _eta_s(total: int | None, processed: int, rate_per_s: float | None) -> float | None:
    if total is None or not rate_per_s:
        return None
    return round((total - processed) / rate_per_s, 1)


def session_of(session: ProcessingSession) -> dict[str, Any]:
    """Give the published session without its workers and its last crash."""
    return sessions_of([session])[0]


def sessions_of(sessions: Sequence[ProcessingSession]) -> list[dict[str, Any]]:
    """Give the published sessions, without workers and last crash; two queries however many they are."""
    statuses = statuses_of(sessions)
    return [
        status
        | {
            "name": session.name,
            "source": session.source,
            "preset": session.preset_name,
            "created_at": iso(session.created_at),
        }
        for session, status in zip(sessions, statuses, strict=True)
    ]


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
