"""Deleting verdicts that nothing can bring back: those that an undo has discarded.

A recovery that is in force keeps what it has put aside, since undoing it brings that back. What was made under a recovery
that was undone is another matter: an undo is not undone, and older recoveries never meet those rows. Only `verify` does,
by the undone recovery's note, so the note is written anew in the same transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from processing import digests
from processing.models import ImageResult, ProcessingSession
from recovery.aside import Sum, add_up, note_of
from recovery.audit import Action, ActRefused, audited
from recovery.models import RecoveryAttempt


@dataclass(frozen=True, slots=True)
class Purged:
    """What was deleted of one undone recovery, or would be."""

    attempt: RecoveryAttempt
    count: int


def discarded(attempt: RecoveryAttempt) -> Q:
    """Describe the rows that the undo of a recovery has discarded."""
    return Q(session=attempt.session_id, superseded_by=attempt.number)


def purgeable(older_than: timedelta) -> Iterator[Purged]:
    """Give the recoveries that were undone so long ago and of which discarded verdicts are still there."""
    undone = RecoveryAttempt.objects.filter(undone_at__lt=Now() - older_than).select_related("session")
    for attempt in undone.order_by("pk").iterator():
        count = ImageResult.objects.filter(discarded(attempt)).count()
        if count:
            yield Purged(attempt, count)


def purge(attempt: RecoveryAttempt, *, actor: str, address: str | None = None) -> int:
    """Delete what the undo of one recovery has discarded; give how many verdicts.

    Raises ActRefused when they are not those that were noted, since deleting them would hide that; it is recorded too.
    test: test_discarded_verdicts_that_do_not_hold_are_not_deleted.
    """
    details = {"superseded": 0, "attempt": attempt.number}
    with audited(
        Action.CLEANUP, actor=actor, session=attempt.session_id, address=address, details=details
    ) as facts:
        ProcessingSession.objects.lock(attempt.session_id)
        current = RecoveryAttempt.objects.get(pk=attempt.pk)
        rows = ImageResult.objects.filter(discarded(current))
        _require_as_noted(current)
        facts["superseded"] = rows.delete()[0]
        nothing = note_of(current.session_id, current.number, digests.EMPTY, is_undone=True)
        RecoveryAttempt.objects.filter(pk=current.pk).update(aside_digest=nothing)
    return int(facts["superseded"])


def _require_as_noted(attempt: RecoveryAttempt) -> None:
    total = Sum.of(attempt)
    if not total.is_undone:
        raise ActRefused(f"Recovery {attempt.number} is in force: undoing it brings its old verdicts back.")
    add_up(ImageResult.objects.filter(discarded(attempt)), [total])
    if not total.holds:
        raise ActRefused(
            f"What the undo of recovery {attempt.number} has discarded is not what was there then: see "
            f"`manage.py verify {attempt.session_id}`."
        )


def kept_for_undo_count() -> int:
    """Count the verdicts that are put aside and that an undo may bring back."""
    in_force = RecoveryAttempt.objects.filter(undone_at=None).order_by("pk").values_list("session", "number")
    return sum(
        ImageResult.objects.filter(session=session, superseded_by=number).count()
        for session, number in in_force.iterator()
    )
