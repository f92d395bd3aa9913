"""Pictures for people that are missing: counted while the rows come by, and made again from unchanged photos."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from processing.models import ImageResult, ProcessingSession
from processing.pictures import deserves_pictures, has_thumbnail, try_to_keep_pictures
from processing.scan import folder_of
from processing.sources import FileTooBig, Folder, NotRegular, SourceGone
from recovery.findings import Code, Finding, found

if TYPE_CHECKING:
    from processing.analysis.pipeline import Pipeline

ROWS_PER_READ = 2000


@dataclass(slots=True)
class Missing:
    """How many photos of a session have no pictures, and the first of them: one finding however many they are."""

    count: int = 0
    first: str = ""

    def look_at(self, rows: Iterable[ImageResult]) -> None:
        """Look for the pictures of live rows, one stat each."""
        for row in rows:
            if row.superseded_by is None and deserves_pictures(row) and not has_thumbnail(row):
                self.add(row)

    def add(self, row: ImageResult) -> None:
        """Count a photo."""
        self.first = self.first or f"photo {row.position} ({row.path_text})"
        self.count += 1


def missing_pictures(missing: Missing) -> Iterator[Finding]:
    """Say how many thumbnails are missing, if any are."""
    if missing.count:
        text = f"{missing.count} photos have no thumbnail; the first is {missing.first}."
        yield found(Code.MISSING_THUMBNAIL, text, repairable=True)


def make_pictures_again(session: ProcessingSession) -> Iterator[Finding]:
    """Make missing pictures from the photos; give what could not be made, as one finding."""
    # test: test_web_and_commands_start_without_the_analysis_libraries.
    from processing.analysis.pipeline import Pipeline  # noqa: PLC0415 -- slow import

    pipeline, folder, left = Pipeline("cpu"), folder_of(session), Missing()
    rows = ImageResult.objects.live().filter(session=session).in_order()
    for row in rows.iterator(ROWS_PER_READ):
        if deserves_pictures(row) and not has_thumbnail(row) and not _is_made_again(row, folder, pipeline):
            left.add(row)
    if left.count:
        text = (
            f"{left.count} thumbnails could not be made again: the photo is gone or has changed, "
            f"or there is no room on the disk; the first is {left.first}."
        )
        yield found(Code.MISSING_THUMBNAIL, text, repairable=False)


def _is_made_again(row: ImageResult, folder: Folder, pipeline: "Pipeline") -> bool:
    """Make one photo's pictures, if its bytes are still those that were judged."""
    from processing.photos import LIMITS  # noqa: PLC0415 -- slow import

    try:
        data = folder.read(bytes(row.path), bytes_max=LIMITS.bytes_max).data
    except (FileTooBig, NotRegular, SourceGone, OSError):
        return False
    if hashlib.sha256(data).hexdigest() != row.sha256:
        return False
    prepared = pipeline.prepare(data)
    if prepared.pictures is None or prepared.facts is None:
        return False
    return try_to_keep_pictures(row, prepared.pictures, prepared.facts) is None
