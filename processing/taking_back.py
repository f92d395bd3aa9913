"""Takes an act back: photos of which nobody has said anything since stand again as they stood before it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from processing.models import ImageResult, Override, ProcessingSession
from processing.overriding import (
    NEEDED,
    PAGE_ROWS,
    Act,
    Saying,
    chunks,
    lock_for_verdicts,
    newest_of,
    write,
)


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that may be taken back: what was said by whom, in the events between two keys."""

    verdict: str
    by: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of some events: those added, the photos left alone, the last key read, and whether it was the last."""

    act: Act
    kept: int
    last: int
    is_last: bool


def take_back_page(session: ProcessingSession, deed: Deed, by: str, after: int = 0) -> Undone:
    """Take the next events of an act back, behind a key, in one transaction.

    A photo of which somebody has said something since, or that has lost its result, is left alone. Raises
    StepRefused when the session is cancelled.
    """
    with transaction.atomic():
        locked = lock_for_verdicts(session)
        # By key alone: events of other sessions lie between, but no index has to be gone through for each page.
        first = max(deed.first, after + 1)
        read = list(Override.objects.filter(pk__range=(first, deed.last)).order_by("pk")[:PAGE_ROWS])
        own = [event for event in read if _is_of(deed, locked, event)]
        act = _restore(locked, deed, own, by)
    return Undone(act, len(own) - act.changed, read[-1].pk if read else deed.last, len(read) < PAGE_ROWS)


def _is_of(deed: Deed, session: ProcessingSession, event: Override) -> bool:
    return event.session_id == session.pk and (event.by, event.new) == (deed.by, deed.verdict)


def _restore(session: ProcessingSession, deed: Deed, events: Sequence[Override], by: str) -> Act:
    """Say of each photo again what was in force before; the caller has locked the session."""
    positions = [event.position for event in events]
    newest = newest_of(session, positions)
    due = [event.position for event in events if newest[event.position].pk == event.pk]
    act = Act()
    for saying, rows in _sayings(session, deed, due, by).items():
        act += write(session, rows, saying)
    return act


def _sayings(
    session: ProcessingSession, deed: Deed, positions: Sequence[int], by: str
) -> dict[Saying, list[ImageResult]]:
    """Group live rows by what is to be said of them: the verdict before the act with its note, else nothing."""
    groups: defaultdict[Saying, list[ImageResult]] = defaultdict(list)
    for chunk in chunks(positions):
        said = Override.objects.filter(session=session, position__in=chunk, pk__lt=deed.first).newest()
        live = ImageResult.objects.live().filter(session=session, position__in=chunk)
        for row in live.only(*NEEDED).in_order():
            before = said.get(row.position)
            verdict = before.verdict_on(row) if before else ""
            groups[Saying(verdict, by, before.note if before and verdict else "")].append(row)
    return groups
