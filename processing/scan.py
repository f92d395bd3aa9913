"""The scan: from the names in a source to batches of photos, page by page, resumable at any entry."""

import logging
import os
import time
from base64 import b64decode
from binascii import b2a_base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from processing.analysis.verdict import certain_refusal
from processing.models import Batch, ProcessingSession, SkippedEntry, Worker
from processing.models.commit import Seal
from processing.sources import Folder, Found, LeftOut, Passed, path_text
from processing.states import BatchKind

logger = logging.getLogger(__name__)

# A page is one transaction: large enough to cost little, small enough that a kill costs seconds.
PAGE_ENTRIES_MAX = 10_000
PAGE_S = 2.0
# How often the scan asks whether it may go on; the answer costs a query.
LOOK_S = 0.25

PhotoEntry = tuple[str, int, int]


@dataclass(slots=True)
class Cursor:
    """How far a scan is, as its batch's manifest keeps it.

    The photos that do not fill a batch yet are kept too: where batches begin and end may not depend on
    where a page ended or a kill fell. test: test_scan_stores_the_same_batches_when_killed_after_any_page.
    """

    after: bytes | None = None
    number: int = 1
    position: int = 0
    waiting: list[PhotoEntry] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Cursor":
        """Read what `as_manifest` wrote; a scan that has not begun has an empty manifest."""
        if not manifest:
            return cls()
        after = manifest["after"]
        return cls(
            None if after is None else b64decode(after),
            manifest["number"],
            manifest["position"],
            [(path, size_bytes, mtime_ns) for path, size_bytes, mtime_ns in manifest["waiting"]],
        )

    def as_manifest(self) -> dict[str, Any]:
        """Write the cursor as JSON."""
        return {
            "after": None if self.after is None else _as_base64(self.after),
            "number": self.number,
            "position": self.position,
            "waiting": self.waiting,
        }


@dataclass(slots=True)
class Page:
    """What was seen since the last transaction: full batches and entries left out."""

    session: ProcessingSession
    cursor: Cursor
    batches: list[Batch] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)
    endings: Counter[bytes] = field(default_factory=Counter)
    entries_count: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        """Whether it is time for a transaction."""
        return self.entries_count >= PAGE_ENTRIES_MAX or time.monotonic() - self.begun >= PAGE_S

    def add(self, step: Found | LeftOut | Passed) -> None:
        """Take one step of the walk in."""
        self.entries_count += 1
        self.cursor.after = step.path
        if isinstance(step, Found):
            self.cursor.waiting.append((_as_base64(step.path), step.size_bytes, step.mtime_ns))
            self.endings[step.path.rpartition(b".")[2]] += 1
            if len(self.cursor.waiting) == self.session.batch_size:
                self.close_batch()
        elif isinstance(step, LeftOut):
            self.skipped.append(
                SkippedEntry(
                    session=self.session,
                    path=step.path,
                    path_text=path_text(step.path),
                    reason=step.reason,
                )
            )

    def close_batch(self) -> None:
        """Make a batch of the photos that wait for one."""
        cursor = self.cursor
        if not cursor.waiting:
            return
        self.batches.append(
            Batch(
                session=self.session,
                number=cursor.number,
                kind=BatchKind.PHOTOS,
                first_position=cursor.position,
                photos_count=len(cursor.waiting),
                manifest={"photos": cursor.waiting},
            )
        )
        cursor.number += 1
        cursor.position += len(cursor.waiting)
        cursor.waiting = []


def run_scan(batch: Batch, *, keep_going: Callable[[], bool], seal: Seal) -> None:
    """List the photos of a session from where its scan batch stands, until the end or until told to stop.

    Everything seen is stored before the lease is given back. Raises LeaseLost when the batch was taken away,
    SourceGone when the source's root cannot be read.
    """
    session = batch.session
    folder = folder_of(session)
    page = Page(session, Cursor.of(batch.manifest))
    looked = time.monotonic()
    for step in folder.steps(page.cursor.after):
        page.add(step)
        if page.is_full:
            page = _store(batch, page)
        if time.monotonic() - looked >= LOOK_S:
            looked = time.monotonic()
            if not keep_going():
                _store(batch, page)
                batch.release()
                return
    page.close_batch()
    _store(batch, page, seal)
    _log_end(session)


def _log_end(session: ProcessingSession) -> None:
    session.refresh_from_db()
    facts = {
        "session": str(session.pk),
        "images_count": session.found_count,
        "skipped_count": session.skipped_count,
        "doomed_counts": session.doomed_counts,
    }
    logger.info("scan ended", extra=facts)


def folder_of(session: ProcessingSession) -> Folder:
    """Give a session's source without what Stockproof itself keeps in it."""
    left_out = [os.fsencode(settings.STOCKPROOF_VAR)]
    if session.output:
        left_out.append(os.fsencode(session.output))
    return Folder(
        bytes(session.source_path),
        recursive=session.recursive,
        left_out=left_out,
        roots=settings.STOCKPROOF_SOURCE_ROOTS,
    )


def _store(batch: Batch, page: Page, seal: Seal | None = None) -> Page:
    """Write a page in one transaction that names the lease, and begin the next; with a seal it is the last."""
    with transaction.atomic():
        session = ProcessingSession.objects.lock(batch.session_id)
        manifest = page.cursor.as_manifest()
        if seal is None:
            batch.keep_manifest(manifest)
        else:
            batch.finish(manifest=manifest)
        Batch.objects.bulk_create(page.batches)
        SkippedEntry.objects.bulk_create(page.skipped)
        _count(session, page)
        if seal is not None:
            # A parent of its own moves the session on itself, once it has said what was found.
            # test: test_photos_of_an_attended_session_are_claimed_only_after_they_were_announced.
            if not Worker.objects.living().parents().filter(serves=session).exists():
                session.advance_locked()
            batch.commit_end(session, seal)
    return Page(page.session, page.cursor)


def _count(session: ProcessingSession, page: Page) -> None:
    """Count what the page stores; photos that wait for their batch are counted as listed already."""
    doomed = Counter(session.doomed_counts)
    for ending, count in page.endings.items():
        reason = certain_refusal(f"photo.{path_text(ending)}", session.preset)
        if reason is not None:
            doomed[reason] += count
    ProcessingSession.objects.filter(pk=session.pk).update(
        found_count=F("found_count") + page.endings.total(),
        skipped_count=F("skipped_count") + len(page.skipped),
        doomed_counts=dict(doomed),
    )


def _as_base64(path: bytes) -> str:
    return b2a_base64(path, newline=False).decode()
