"""What the list shows of each session's photos: the first of those that have a thumbnail."""

from collections.abc import Sequence
from uuid import UUID

from processing.models import ImageResult, ProcessingSession
from processing.pictures import has_thumbnail

SHOWN = 3
# Photos that could not be decoded have no thumbnail; beyond so many nobody looks for one that has.
LOOKED_AT = 8


def covers_of(sessions: Sequence[ProcessingSession]) -> dict[UUID, tuple[int, ...]]:
    """Give up to SHOWN positions for each session, in one query however many there are."""
    rows = ImageResult.objects.live().filter(session__in=sessions, position__lt=LOOKED_AT)
    covers: dict[UUID, tuple[int, ...]] = {session.pk: () for session in sessions}
    for row in rows.only("session_id", "position", "sha256").order_by("session_id", "position"):
        shown = covers[row.session_id]
        if len(shown) < SHOWN and has_thumbnail(row):
            covers[row.session_id] = (*shown, row.position)
    return covers
