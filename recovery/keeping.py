"""The manager of checkpoints: when one is due, how it is chained, how many are kept, which may be used."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now

from processing.models import ImageResult, ProcessingSession, StepRefused
from processing.models.commit import Commit
from processing.states import Hold
from recovery import contents, seal
from recovery.kinds import SEALING, CheckpointType
from recovery.ledger import Ledger
from recovery.pruning import prune_images

if TYPE_CHECKING:
    from recovery.models import Checkpoint

TENTHS = 10
NOTE_LENGTH_MAX = 2000
NOTHING: Mapping[str, Any] = {}


class CheckpointGone(Exception):
    """The checkpoint that is to be kept is not there any more."""

    def __init__(self, checkpoint: "Checkpoint") -> None:
        super().__init__(f"Checkpoint {checkpoint.pk} is gone: it was pruned a moment ago.")


class CheckpointManager(models.Manager["Checkpoint"]):
    """Makes checkpoints, keeps them, and finds the one to go back to."""

    def newest_first(self, session: ProcessingSession) -> "models.QuerySet[Checkpoint]":
        """List a session's checkpoints for people."""
        return self.filter(session=session).order_by("-created_at", "-pk")

    def usable_first(self, session: ProcessingSession) -> "models.QuerySet[Checkpoint]":
        """List those that cover no row put aside, the one that covers most first; no clock decides (guarantee 15)."""
        newest = F("last_result").desc(nulls_last=True)
        return self.filter(session=session, voided_by=None).order_by(newest, "-created_at", "-pk")

    def latest_intact(self, session: ProcessingSession) -> "Checkpoint | None":
        """Give the newest checkpoint that may be gone back to: damaged and void ones are passed over."""
        found = self.usable_first(session).iterator()
        return next((checkpoint for checkpoint in found if seal.problem_of(checkpoint) is None), None)

    def take_if_due(self, commit: Commit, telemetry: contents.Telemetry = NOTHING) -> bytes | None:
        """Make the checkpoints of a commit inside its transaction; give the batch's new chain head, if it moves.

        An image checkpoint inside a batch; at its end a batch checkpoint, and a milestone at each tenth. A chunk that
        a pause or a stop cuts short is committed too, so after both every verdict is covered by a checkpoint, and
        none is made for its own sake. test: test_every_verdict_is_covered_by_a_checkpoint_after_a_polite_stop.
        """
        if commit.session is None:
            image = self._of_commit(commit, CheckpointType.IMAGE, telemetry)
            self.bulk_create([image])
            self.prune(commit.batch.session_id)
            return bytes(image.seal)
        self._take_at_end(commit, commit.session, telemetry)
        return None

    def create_session_checkpoint(
        self,
        session: ProcessingSession,
        checkpoint_type: CheckpointType | str,
        *,
        force: bool = False,
        note: str = "",
        pinned: bool | None = None,
        error: str = "",
    ) -> "Checkpoint | None":
        """Make a checkpoint that seals a whole session, under its lock; None when none is due and `force` is off.

        One is due when there is a verdict or was an attempt that the newest does not cover; an emergency always is.
        Manual ones are kept for ever unless `pinned` is off. Raises StepRefused when the session is cancelled, and
        ValueError for the types `image` and `batch`, which only commits make.
        """
        kind = CheckpointType(checkpoint_type)
        if kind not in SEALING:
            raise ValueError(f"A checkpoint of type {kind} is made by a commit only; take a manual one.")
        with transaction.atomic():
            locked = ProcessingSession.objects.lock(session.pk)
            if locked.hold == Hold.CANCELLED:
                raise StepRefused(locked, "take a checkpoint")
            if not (force or kind == CheckpointType.EMERGENCY or self._is_due(locked)):
                return None
            made, state = self._of_session(locked, kind, contents.telemetry_of(locked, error))
            made.note = plain(note or error)
            made.pinned = kind == CheckpointType.MANUAL if pinned is None else pinned
            ledger = Ledger(locked)
            _seal_onto(ledger, made, state)
            ledger.keep()
            # All of its type but the pinned: one that was unpinned since is not the newest one before.
            self.filter(session=locked, checkpoint_type=kind, pinned=False).delete()
            self.bulk_create([made])
        return made

    def prune(self, session_id: UUID) -> int:
        """Delete all but the newest image checkpoints of a session; give how many.

        The newest are those that cover the newest rows: a clock that jumps decides nothing (guarantee 15). While
        somebody else has one of them locked, all are left to the next time: a batch's chain may lose its beginning
        only, never a link in the middle. test: test_prune_leaves_all_to_the_next_time_when_one_is_locked.
        """
        return prune_images(session_id, settings.CHECKPOINT_KEEP_COUNT)

    def pin(self, checkpoint: "Checkpoint", *, keeps: bool) -> None:
        """Keep a checkpoint for ever, or no longer. Raises CheckpointGone when it was pruned meanwhile."""
        with transaction.atomic():
            ledger = Ledger(ProcessingSession.objects.lock(checkpoint.session_id))
            # Pruning has passed by also one that somebody has pinned who may write the database.
            was_kept = (
                str(checkpoint.pk) in ledger.pinned or self.filter(pk=checkpoint.pk, pinned=True).exists()
            )
            if not self.filter(pk=checkpoint.pk).update(pinned=keeps):
                raise CheckpointGone(checkpoint)
            checkpoint.refresh_from_db()
            if keeps:
                ledger.note_pinned(checkpoint)
            elif was_kept:
                ledger.note_unpinned(checkpoint)
            ledger.keep()

    def clean_up(self, session_id: UUID, keep: int) -> int:
        """Delete what retention does not ask for, with another number of image checkpoints; give how many."""
        with transaction.atomic():
            ledger = Ledger(ProcessingSession.objects.lock(session_id))
            old = [one.pk for one in self.unneeded(ledger, session_id, keep)]
            if old:
                ledger.note_kept(keep, settings.CHECKPOINT_KEEP_COUNT)
                ledger.keep()
            return self.filter(pk__in=old).delete()[0]

    def unneeded(self, ledger: Ledger, session_id: UUID, keep: int) -> "list[Checkpoint]":
        """List what `clean_up` would delete; inside a transaction it is locked."""
        unpinned = self.filter(session_id=session_id, pinned=False).defer("session_state")
        if connection.in_atomic_block:
            unpinned = unpinned.select_for_update()
        images = unpinned.filter(checkpoint_type=CheckpointType.IMAGE).order_by("-last_result", "-pk")
        others = unpinned.exclude(checkpoint_type=CheckpointType.IMAGE).order_by("pk")
        return [*list(images)[keep:], *filter(ledger.is_unneeded, others)]

    def _is_due(self, session: ProcessingSession) -> bool:
        newest = self.usable_first(session).first()
        covered = None if newest is None else (newest.last_result, newest.attempt)
        return covered != (newest_result(session), session.attempt)

    def _of_commit(self, commit: Commit, kind: CheckpointType, telemetry: contents.Telemetry) -> "Checkpoint":
        """Make an image or batch checkpoint, sealed and not stored yet, chained onto its batch."""
        state = contents.state_of_commit(commit, telemetry)
        made = self.model(
            session_id=commit.batch.session_id,
            batch=commit.batch,
            checkpoint_type=kind,
            sequence=commit.sequence,
            last_result=commit.last_result,
            attempt=commit.batch.attempt,
            previous=commit.chain_head,
            created_at=commit.committed_at or database_now(commit.batch.session_id),
            **_place_columns(state),
        )
        seal.seal(made, state)
        return made

    def _of_session(
        self,
        session: ProcessingSession,
        kind: CheckpointType,
        telemetry: contents.Telemetry,
        place: contents.Place | None = None,
    ) -> "tuple[Checkpoint, dict[str, Any]]":
        """Make a sealing checkpoint and its state, not sealed yet; the caller has locked the session."""
        state = contents.state_of_session(session, place or contents.place_of(session), telemetry)
        made = self.model(
            session_id=session.pk,
            checkpoint_type=kind,
            last_result=newest_result(session),
            attempt=session.attempt,
            created_at=database_now(session.pk),
            **_place_columns(state),
        )
        return made, state

    def _take_at_end(self, commit: Commit, session: ProcessingSession, telemetry: contents.Telemetry) -> None:
        """Make a batch's last checkpoint, and perhaps a milestone; the commit has locked the session.

        A batch checkpoint does not move the chain head: only a session's newest one is kept, and a chain of image
        checkpoints alone can tell what pruning took from what a hand took.
        """
        made = [self._of_commit(commit, CheckpointType.BATCH, telemetry)]
        ledger = Ledger(session)
        replaced = [ledger.note_newest(made[0])]
        if _passes_tenth(commit, session):
            place = (commit.batch.number, contents.next_position(commit))
            milestone, state = self._of_session(session, CheckpointType.MILESTONE, telemetry, place)
            replaced.append(_seal_onto(ledger, milestone, state))
            made.append(milestone)
        ledger.keep()
        self.bulk_create(made)
        self._drop(ledger, replaced)

    def _drop(self, ledger: Ledger, ids: list[str | None]) -> None:
        """Delete those that are their type's newest no more, unless they are kept for ever."""
        old = [pk for pk in ids if pk is not None and pk not in ledger.pinned]
        if old:
            self.filter(pk__in=old, pinned=False).delete()


def _seal_onto(ledger: Ledger, made: "Checkpoint", state: dict[str, Any]) -> str | None:
    """Seal a checkpoint onto the chain of the sealing ones; give the id of the newest of its type before."""
    made.previous, made.sequence = ledger.head, ledger.sealed_count + 1
    seal.seal(made, state)
    ledger.note_sealed(made)
    if made.pinned:
        ledger.note_pinned(made)
    return ledger.note_newest(made)


def _place_columns(state: dict[str, Any]) -> dict[str, Any]:
    """Give the columns that say of a state, in the clear, how far the session is."""
    return {
        "processed_count": state["processed"],
        "current_batch": state["current_batch"],
        "current_image_index": state["current_image_index"],
    }


def _passes_tenth(commit: Commit, session: ProcessingSession) -> bool:
    total = session.total or 0
    if not total:
        return False
    return commit.processed_before * TENTHS // total < session.processed * TENTHS // total


def newest_result(session: ProcessingSession) -> int | None:
    """Give the key of a session's newest result row, those put aside among them."""
    pk, _ = ImageResult.objects.filter(session=session).find_newest() or (None, None)
    return pk


def database_now(session_id: UUID) -> datetime:
    """Ask the database for the instant (guarantee 15)."""
    instant: datetime = ProcessingSession.objects.filter(pk=session_id).values_list(Now(), flat=True).get()
    return instant


def plain(text: str) -> str:
    """Cut a note to its length, and to what every database keeps."""
    kept = text.replace("\0", "").encode("utf-8", "backslashreplace").decode()
    return kept[:NOTE_LENGTH_MAX]
