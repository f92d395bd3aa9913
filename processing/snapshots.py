"""What a page needs to know of a session at one moment, read for a whole list at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from processing.models import ProcessingSession, Worker
from processing.progress import WORKING, rate_per_s, status_from


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session, its counts and its published status, and who is there for it.

    `workers` are the living ones in a lane of it, each with `now`, the database's clock; `is_served` says
    whether any living process, parents included, would take work of it.
    """

    session: ProcessingSession
    counts: dict[str, int]
    status: dict[str, Any]
    workers: list[Any]
    is_served: bool

    @property
    def is_working(self) -> bool:
        """Whether its numbers move by themselves."""
        return self.session.status in WORKING and self.is_served

    @property
    def waits(self) -> bool:
        """Whether there is work, but no process that would take it."""
        return self.session.status in WORKING and not self.is_served


def snapshots_of(sessions: Sequence[ProcessingSession]) -> list[Snapshot]:
    """Read what is stored of some sessions, in two queries however many they are."""
    living = Worker.objects.living().filter(Q(serves=None) | Q(serves__in=sessions))
    workers = list(living.annotate(now=Now()).order_by("pk"))
    counts = ProcessingSession.objects.count_photos(*(session.pk for session in sessions))
    return [_snapshot(session, counts[session.pk], workers) for session in sessions]


def _snapshot(session: ProcessingSession, counts: dict[str, int], living: Sequence[Any]) -> Snapshot:
    workers = [row for row in living if not row.is_parent and row.lane_session_id == session.pk]
    told = [row.telemetry for row in workers] if session.status in WORKING else []
    return Snapshot(
        session=session,
        counts=counts,
        status=status_from(session, counts, rate_per_s(told)),
        workers=workers,
        is_served=any(row.serves_id in (None, session.pk) for row in living),
    )
