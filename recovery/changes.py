"""What happened to the source since the photos were read: by names and lstat alone, in one pass over both."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.batch import Photo
from processing.scan import folder_of
from processing.sources import Found
from processing.states import BatchKind, Stage, Verdict

BATCHES_PER_READ = 100
COLUMNS = ("position", "pk", "size_bytes", "mtime_ns", "verdict", "sha256")
Row = tuple[int, int, int, int, str, str]


class Fate(StrEnum):
    """What became of a file since its photo was judged."""

    CHANGED = "changed"
    # It could not be opened when it was its turn, so it gets another one.
    BACK = "back"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that is not as it was; position and row are None for a new one."""

    fate: Fate
    path: bytes
    position: int | None = None
    row: int | None = None


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

    Raises SourceGone when the source itself cannot be read.
    """
    counts: Counter[Fate] = Counter()
    stale = []
    for difference in differences(session):
        counts[difference.fate] += 1
        stale += [] if difference.row is None else [difference.row]
    return SourceLook(stale, counts[Fate.CHANGED] + counts[Fate.BACK], counts[Fate.GONE], counts[Fate.NEW])


def differences(
    session: ProcessingSession, on_batch: Callable[[int], object] = lambda _photos_count: None
) -> Iterator[Difference]:
    """Give each file that is not as its row says, and each that no photo stands for, in one pass in flat memory.

    A file counts as changed when its size or instant of change is not that of the row. `on_batch` is told the number
    of photos of each batch that is looked at. Raises SourceGone when the source itself cannot be read.
    """
    found = (entry for entry in folder_of(session).walk() if isinstance(entry, Found))
    ahead = next(found, None)
    # While the scan is not over, it will list what is new.
    may_be_new = session.stage != Stage.SCANNING
    for photo, row in _listed(session, on_batch):
        while ahead is not None and ahead.path < photo.path:
            if may_be_new:
                yield Difference(Fate.NEW, ahead.path)
            ahead = next(found, None)
        here = ahead if ahead is not None and ahead.path == photo.path else None
        if here is not None:
            ahead = next(found, None)
        fate = _fate_of(row, here)
        if row is not None and fate is not None:
            yield Difference(fate, photo.path, photo.position, row[1])
    while may_be_new and ahead is not None:
        yield Difference(Fate.NEW, ahead.path)
        ahead = next(found, None)


def _listed(
    session: ProcessingSession, on_batch: Callable[[int], object]
) -> Iterator[tuple[Photo, Row | None]]:
    """Give each listed photo, in the order of positions, with its live row if it has one."""
    batches = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("number", "pk")
    for batch in batches.iterator(BATCHES_PER_READ):
        on_batch(batch.photos_count)
        rows = ImageResult.objects.live().filter(batch=batch).order_by().values_list(*COLUMNS)
        by_position: dict[int, Row] = {row[0]: row for row in rows}
        for photo in batch.photos():
            yield photo, by_position.get(photo.position)


def _fate_of(row: Row | None, here: Found | None) -> Fate | None:
    if row is None:
        return None
    _position, _pk, size_bytes, mtime_ns, verdict, sha256 = row
    was_there = bool(sha256) or verdict != Verdict.UNREADABLE
    if here is None:
        return Fate.GONE if was_there else None
    if not was_there:
        return Fate.BACK
    return None if (here.size_bytes, here.mtime_ns) == (size_bytes, mtime_ns) else Fate.CHANGED
