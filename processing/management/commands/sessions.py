"""`sessions`: the list of sessions, the newest first."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from processing.management.arguments import positive_count
from processing.management.base import StockproofCommand
from processing.management.lines import crash_line, progress_text
from processing.models import ProcessingSession
from processing.progress import sessions_of
from processing.states import Status
from recovery.detection import last_crashes_of

PAGE_SESSIONS = 100
COLUMNS = ("SESSION", "STATUS", "PROCESSED", "APPROVED", "REJECTED", "FAILED", "CREATED", "NAME")


class Command(StockproofCommand):
    """Prints one line per session."""

    help = "List the sessions, the newest first."
    example = "sessions --status interrupted"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter and the limit."""
        super().add_arguments(parser)
        parser.add_argument("--status", choices=Status.values, help="Only sessions with this status.")
        parser.add_argument("--limit", type=positive_count, metavar="N", help="At most this many.")

    def handle(self, *, status: str | None, limit: int | None, **_options: Any) -> None:
        """Print the list."""
        found = list_sessions(status, limit)
        if self.wants_json:
            for published in found:
                self.emit("session", published)
            return
        rows = [
            [
                one["session"],
                one["status"],
                progress_text(one),
                *(one[name] for name in ("approved", "rejected", "failed", "created_at", "name")),
            ]
            for one in found
        ]
        if rows:
            self.show_table(COLUMNS, rows)
        else:
            self.note("There is no such session." if status else "There is no session yet.")


def list_sessions(status: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
    """Give the published sessions; a page costs the same number of queries whatever it holds."""
    chosen = ProcessingSession.objects.newest_first()
    if status:
        chosen = chosen.with_status(Status(status))
    ids = list(chosen.values_list("pk", flat=True)[:limit])
    for start in range(0, len(ids), PAGE_SESSIONS):
        yield from _page(ids[start : start + PAGE_SESSIONS])


def _page(ids: list[UUID]) -> Iterator[dict[str, Any]]:
    by_id = ProcessingSession.objects.in_bulk(ids)
    sessions = [by_id[pk] for pk in ids if pk in by_id]
    crashes = last_crashes_of(sessions)
    for session, published in zip(sessions, sessions_of(sessions), strict=True):
        yield published | {"last_crash": crash_line(crashes.get(session.pk))}
