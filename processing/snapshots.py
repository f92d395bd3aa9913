"""What a page needs to know of a session at one moment, read for a whole list at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from processing.models import ProcessingSession, Worker
from processing.progress import WORKING, statuses_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session, its published status, and who is there for it.

    `workers` are the living ones in a lane of it, each with `now`, the database's clock; `is_served` says
    whether any living process, parents included, would take work of it.
    """

    session: ProcessingSession
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
    """Read what is stored of some sessions, in three queries however many they are."""
    living = Worker.objects.living().filter(Q(serves=None) | Q(serves__in=sessions))
    workers = list(living.annotate(now=Now()).order_by("pk"))
    statuses = statuses_of(sessions)
    return [
        Snapshot(
            session=session,
            status=status,
            workers=[row for row in workers if not row.is_parent and row.lane_session_id == session.pk],
            is_served=any(row.serves_id in (None, session.pk) for row in workers),
        )
        for session, status in zip(sessions, statuses, strict=True)
    ]
