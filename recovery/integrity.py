"""Whether what is stored is what was written: every row, sum, mark and file of a session, in flat memory.

A session may be worked on meanwhile: what looks wrong is looked at again under its lock before anyone is told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from django.db import transaction

from processing.models import Batch, ImageResult, ProcessingSession
from processing.sources import SourceGone, path_text
from recovery import repairs
from recovery.aside import Sum, aside_problems, check_aside, check_numbers, sums_of
from recovery.batch_checks import check_batch, problems_of
from recovery.changes import Difference, Fate, differences
from recovery.checkpoint_checks import check_chain, check_seals
from recovery.decisions import decision_problems, events_of
from recovery.findings import Code, Finding, found
from recovery.picture_checks import Missing, make_pictures_again, missing_pictures
from recovery.session_checks import check_sums, photo_batches

__all__ = ["Finding", "Tally", "Verdict", "check_batch", "check_sums", "verify"]

PHOTOS_PER_PAGE = 2000
FATES = {
    Fate.CHANGED: (Code.SOURCE_CHANGED, "has changed since it was judged"),
    Fate.BACK: (Code.SOURCE_CHANGED, "could not be read when it was judged, and is there now"),
    Fate.GONE: (Code.SOURCE_GONE, "is gone"),
}


class Verdict(StrEnum):
    """Whether a session may be gone on with."""

    SAFE = "safe"
    SAFE_AFTER_REPAIR = "safe_after_repair"
    UNSAFE = "unsafe"


@dataclass(slots=True)
class Tally:
    """What a verification has looked at and found so far; `on_photos` and `on_files` are told how many came by."""

    results: int = 0
    checkpoints: int = 0
    findings: int = 0
    unsafe: int = 0
    repairable: int = 0
    repaired: int = 0
    pictures_repaired: int = 0
    missing: Missing = field(default_factory=Missing)
    batch_ids: set[int] = field(default_factory=set)
    on_photos: Callable[[int], object] = lambda _count: None
    on_files: Callable[[int], object] = lambda _count: None

    def note(self, finding: Finding) -> Finding:
        """Count a finding."""
        self.findings += 1
        self.unsafe += finding.is_unsafe
        self.repairable += finding.needs_repair
        return finding

    @property
    def verdict(self) -> Verdict:
        """Say whether what was found allows to go on: as it is, once it is repaired, or not at all."""
        if self.unsafe:
            return Verdict.UNSAFE
        return Verdict.SAFE_AFTER_REPAIR if self.repairable else Verdict.SAFE

    @property
    def mended(self) -> int:
        """How many problems a repair has removed, missing pictures among them."""
        return self.repaired + self.pictures_repaired

    @property
    def is_safe_now(self) -> bool:
        """Whether nothing is left that speaks against going on."""
        return not self.unsafe and self.repaired == self.repairable


def verify(
    session: ProcessingSession,
    *,
    repair: bool = False,
    actor: str = "",
    address: str | None = None,
    tally: Tally | None = None,
) -> Iterator[Finding]:
    """Give every problem of a session; `tally` counts along. With `repair`, what can be derived is then mended.

    Pictures are made again from unchanged photos; what cannot be is one more problem, which makes nothing unsafe.
    Nothing is repaired where anything is unsafe: counting anew would sign what nobody wrote. Raises ActRefused when
    that shows only under the lock; then nothing has changed.
    """
    tally = tally or Tally()
    for finding in _problems(session, tally):
        yield tally.note(finding)
    if repair and tally.repairable and not tally.unsafe:
        left = repairs.repair(session, tally.batch_ids, actor=actor, address=address)
        tally.repaired = max(0, tally.repairable - left)
    if repair and tally.missing.count and not tally.unsafe:
        left_out = [tally.note(finding) for finding in make_pictures_again(session)]
        tally.pictures_repaired = 0 if left_out else 1
        yield from left_out


def _problems(session: ProcessingSession, tally: Tally) -> Iterator[Finding]:
    sums = sums_of(session)
    for page in _pages(session):
        yield from _page_problems(page, tally, sums)
    if any(aside_problems(sums)):
        yield from _surely(session, check_aside)
    yield from _surely(session, check_numbers)
    yield from _surely(session, repairs.session_problems)
    yield from _checkpoint_problems(session, tally)
    yield from _source_problems(session, tally)
    yield from missing_pictures(tally.missing)


def _surely(session: ProcessingSession, check: Callable[[ProcessingSession], list[Finding]]) -> list[Finding]:
    """Check without a lock, and where something is found once more with it: two reads may lie around a commit."""
    current = ProcessingSession.objects.get(pk=session.pk)
    if not check(current):
        return []
    with transaction.atomic():
        return check(ProcessingSession.objects.lock(session.pk))


def _pages(session: ProcessingSession) -> Iterator[list[Batch]]:
    """Give the batches of photos in their order, so many at once as hold a page of photos."""
    batches_per_page = max(1, PHOTOS_PER_PAGE // session.batch_size)
    batches = photo_batches(session).order_by("number")
    after = -1
    while page := list(batches.filter(number__gt=after)[:batches_per_page]):
        yield page
        after = page[-1].number


def _with_rows(page: Sequence[Batch]) -> Iterator[tuple[Batch, list[ImageResult]]]:
    """Give each batch with all of its rows in the order of their keys, those put aside too."""
    rows = ImageResult.objects.filter(batch__in=page).order_by("batch_id", "pk")
    by_batch = {key: list(group) for key, group in groupby(rows, key=lambda row: row.batch_id)}
    for batch in page:
        yield batch, by_batch.get(batch.pk, [])


def _page_problems(page: Sequence[Batch], tally: Tally, sums: Sequence[Sum]) -> Iterator[Finding]:
    events = events_of(page)
    for batch, rows in _with_rows(page):
        tally.results += sum(row.superseded_by is None for row in rows)
        tally.on_photos(batch.photos_count)
        tally.missing.look_at(rows)
        for one in sums:
            one.add(batch.pk, rows)
        if [*problems_of(batch, rows), *decision_problems(rows, events)]:
            yield from _checked_again(batch, tally)


def _checked_again(batch: Batch, tally: Tally) -> list[Finding]:
    with transaction.atomic():
        problems = repairs.check_locked(ProcessingSession.objects.lock(batch.session_id), batch.pk)
    if problems:
        tally.batch_ids.add(batch.pk)
    return problems


def _checkpoint_problems(session: ProcessingSession, tally: Tally) -> Iterator[Finding]:
    for problem in check_seals(session):
        tally.checkpoints += 1
        if problem is not None:
            yield problem
    yield from check_chain(session)


def _source_problems(session: ProcessingSession, tally: Tally) -> Iterator[Finding]:
    try:
        for difference in differences(session, tally.on_files):
            if difference.fate in FATES:
                yield _of_file(difference)
    except SourceGone as error:
        yield found(Code.SOURCE_UNREADABLE, str(error))


def _of_file(difference: Difference) -> Finding:
    code, text = FATES[difference.fate]
    return found(code, f"The file of photo {difference.position} ({path_text(difference.path)}) {text}.")
