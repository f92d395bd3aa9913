"""What happened to the source since the photos were read: by names and lstat alone, in one pass over both."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.batch import Photo
from processing.scan import folder_of
from processing.sources import Found
from processing.states import BatchKind, Stage, Verdict

BATCHES_PER_READ = 100
COLUMNS = ("position", "pk", "size_bytes", "mtime_ns", "verdict", "sha256")
Row = tuple[int, int, int, int, str, str]


@dataclass(slots=True)
class SourceLook:
    """What a look at the files found: keys of live rows to be made anew, and counts of what is otherwise."""

    stale: list[int] = field(default_factory=list)
    changed_count: int = 0
    gone_count: int = 0
    new_count: int = 0

    @property
    def is_unchanged(self) -> bool:
        """Whether the verdicts still stand for the files."""
        return not self.stale


def look_at_source(session: ProcessingSession) -> SourceLook:
    """Compare each live row with its file, and the listed names with those in the source.

    A file counts as changed when its size or instant of change is not that of the row. Raises SourceGone when the
    source itself cannot be read.
    """
    look = SourceLook()
    found = (entry for entry in folder_of(session).walk() if isinstance(entry, Found))
    ahead = next(found, None)
    for photo, row in _listed(session):
        while ahead is not None and ahead.path < photo.path:
            look.new_count += 1
            ahead = next(found, None)
        here = ahead if ahead is not None and ahead.path == photo.path else None
        if here is not None:
            ahead = next(found, None)
        _compare(look, row, here)
    look.new_count += int(ahead is not None) + sum(1 for _ in found)
    if session.stage == Stage.SCANNING:
        look.new_count = 0  # The scan goes on and lists them.
    return look


def _listed(session: ProcessingSession) -> Iterator[tuple[Photo, Row | None]]:
    """Give each listed photo, in the order of positions, with its live row if it has one."""
    batches = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("number", "pk")
    for batch in batches.iterator(BATCHES_PER_READ):
        rows = ImageResult.objects.live().filter(batch=batch).order_by().values_list(*COLUMNS)
        by_position: dict[int, Row] = {row[0]: row for row in rows}
        for photo in batch.photos():
            yield photo, by_position.get(photo.position)


def _compare(look: SourceLook, row: Row | None, here: Found | None) -> None:
    if row is None:
        return
    _position, pk, size_bytes, mtime_ns, verdict, sha256 = row
    was_there = bool(sha256) or verdict != Verdict.UNREADABLE
    if here is None and was_there:
        look.gone_count += 1
    elif here is not None and not (was_there and (here.size_bytes, here.mtime_ns) == (size_bytes, mtime_ns)):
        look.changed_count += 1
    else:
        return
    look.stale.append(pk)
