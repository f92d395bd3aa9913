"""Deleting a session for good: page by page, so that it may be killed anywhere and is simply asked for again."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q

from processing.models import (
    Batch,
    ImageResult,
    Override,
    ProcessingSession,
    SessionNotFound,
    SkippedEntry,
    StepRefused,
    Worker,
)
from processing.pictures import remove_session as remove_pictures
from processing.pictures import session_ids
from processing.states import Status
from processing.turns import Turns
from recovery.audit import DONE, Action, ActRefused, audited
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt

PAGE_ROWS = 2000
# What is deleted page by page once the batches are gone, results first, each before what it refers to.
REST = (ImageResult, Override, SkippedEntry, Checkpoint, Crash, RecoveryAttempt)


def delete_session(session: ProcessingSession, *, by: str, address: str | None = None) -> dict[str, int]:
    """Delete a finished or cancelled session with all its rows and pictures; give how many of each kind this call has deleted.

    A completed session is cancelled first, which nothing leads back from, so that nobody recovers what is half gone.
    Raises StepRefused when it is neither finished nor cancelled, or when a process of its own still lives, ActRefused
    when its pictures cannot be removed, and SessionNotFound when somebody else has deleted it meanwhile. Its entry in
    the audit log stays.
    """
    with audited(Action.DELETE, actor=by, session=session.pk, address=address) as details:
        locked = _lock(session.pk)
        details.update(_facts(locked), step="begin")
        _begin(locked, by)
    deleted = _delete_batches(session.pk)
    for model in REST:
        deleted[model._meta.model_name or ""] += _delete_pages(model.objects.filter(session=session.pk))
    # Before the row goes: who is killed here asks again for the same session.
    _remove_pictures(session, by, address)
    with audited(Action.DELETE, actor=by, session=session.pk, address=address) as details:
        details.update(_facts(session), step="end", deleted=dict(deleted))
        _end(_lock(session.pk))
    remove_strays()
    return dict(deleted)


def remove_strays() -> None:
    """Remove pictures that a worker wrote while its session was deleted; its verdicts are refused only afterwards.

    What this database did not delete stays: several databases may keep their pictures in one folder.
    test: test_pictures_that_land_during_a_deletion_are_removed_*.
    """
    kept = session_ids()
    ended = AuditEntry.objects.filter(
        session__in=kept, action=Action.DELETE, outcome=DONE, details__step="end"
    )
    for session_id in kept.intersection(ended.order_by().values_list("session", flat=True)):
        remove_pictures(session_id)


def _remove_pictures(session: ProcessingSession, by: str, address: str | None) -> None:
    """Remove the pictures, or record why the session stays. test: test_deletion_is_refused_while_pictures_*."""
    try:
        remove_pictures(session.pk)
    except OSError as error:
        details = {**_facts(session), "step": "pictures"}
        with audited(Action.DELETE, actor=by, session=session.pk, address=address, details=details):
            raise ActRefused(
                f"The verdicts of session {session.pk} are deleted, but its pictures cannot be removed: {error}. "
                "Mend that, then delete it again."
            ) from error


def _lock(session_id: UUID) -> ProcessingSession:
    try:
        return ProcessingSession.objects.lock(session_id)
    except ProcessingSession.DoesNotExist as error:
        raise SessionNotFound(f"Session {session_id} is not there any more.") from error


def _facts(session: ProcessingSession) -> dict[str, Any]:
    return {"name": session.name, "source": session.source}


def _begin(session: ProcessingSession, by: str) -> None:
    """Refuse what may still go on. test: test_deletion_is_refused_*."""
    if not session.is_finished:
        raise StepRefused(session, "be deleted", "Only a completed or a cancelled session can.")
    own = Q(serves=session) | Q(parent__serves=session)
    if Worker.objects.living().filter(own).exists():
        raise StepRefused(session, "be deleted", "Its own process has not ended yet.")
    if session.status == Status.COMPLETED:
        session.retire(by)


def _delete_batches(session_id: UUID) -> Counter[str]:
    """Delete batches with what stands under them, those of some thousand photos at a time."""
    deleted: Counter[str] = Counter()
    turns = Turns()
    while page := _next_batches(session_id):
        with transaction.atomic():
            # Locked first: a chunk in the air lands before, or finds its batch gone.
            # test: test_deletion_and_the_last_chunk_in_the_air_leave_nothing_when_they_overlap.
            list(Batch.objects.filter(pk__in=page).select_for_update().order_by("number").values_list("pk"))
            for model in (ImageResult, Checkpoint):
                deleted[model._meta.model_name or ""] += model.objects.filter(batch__in=page).delete()[0]
            deleted["batch"] += Batch.objects.filter(pk__in=page).only("pk").delete()[0]
        turns.give_way()
    return deleted


def _next_batches(session_id: UUID) -> list[int]:
    batches = Batch.objects.filter(session=session_id).order_by("number")
    page: list[int] = []
    photos = 0
    for pk, photos_count in batches.values_list("pk", "photos_count")[:PAGE_ROWS]:
        page.append(pk)
        photos += photos_count
        if photos >= PAGE_ROWS:
            break
    return page


def _delete_pages(rows: "models.QuerySet[Any]") -> int:
    deleted, turns = 0, Turns()
    while page := list(rows.order_by("pk").values_list("pk", flat=True)[:PAGE_ROWS]):
        deleted += rows.model.objects.filter(pk__in=page).delete()[0]
        turns.give_way()
    return deleted


def _end(session: ProcessingSession) -> None:
    """Remove the session itself; processes that have served it stay, as the past of others that they served."""
    Worker.objects.filter(serves=session).update(serves=None)
    session.delete()
