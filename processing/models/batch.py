"""A batch: the unit of claiming, fencing and taking over, whatever its work is."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from processing import digests
from processing.models.commit import COUNTERS, Commit, Seal, shifted
from processing.models.override import Override, decide
from processing.models.result import ImageResult
from processing.models.worker import Worker
from processing.states import BATCH_STEPS, BatchKind, BatchStatus, Stage

if TYPE_CHECKING:
    from processing.keys import Stored
    from processing.models.session import Alarm, ProcessingSession
    from processing.models.session_set import SessionQuerySet

KIND_OF_STAGE = {
    Stage.SCANNING: BatchKind.SCAN,
    Stage.RUNNING: BatchKind.PHOTOS,
    Stage.COMPARING: BatchKind.COMPARE,
}


class LeaseLost(Exception):
    """The batch was taken away from this worker, so nothing was written."""

    def __init__(self, batch: "Batch") -> None:
        super().__init__(
            f"Batch {batch.number} of session {batch.session_id} is no longer held under lease {batch.lease}: "
            "nothing was written."
        )


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a manifest. The position is its identity for the session's life."""

    position: int
    path: bytes
    size_bytes: int
    mtime_ns: int


def _sessions() -> "SessionQuerySet":
    from processing.models.session import ProcessingSession  # noqa: PLC0415 -- the two models name each other

    return ProcessingSession.objects.all()


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches by what may be done with them."""

    def queued(self) -> Self:
        """Those that nobody holds and that are not done."""
        return self.filter(status=BatchStatus.QUEUED)

    def leased(self) -> Self:
        """Those that a worker holds; said to be unfinished too, so that a partial index finds those of a session."""
        return self.unfinished().filter(status=BatchStatus.LEASED)

    def unfinished(self) -> Self:
        """Those with work left, held or not. SQLite finds its partial indexes by NOT, never by IN."""
        return self.exclude(status=BatchStatus.DONE)

    def takeable(self, session: "ProcessingSession") -> Self:
        """Those that a claim would choose from, in its order."""
        kind = KIND_OF_STAGE.get(Stage(session.stage))
        return self.queued().filter(session=session, kind=kind).order_by("number", "pk")

    def with_open_results(self, *session_ids: UUID) -> Self:
        """Those with committed results that their sessions' own counters do not hold yet."""
        return self.unfinished().filter(session__in=session_ids, processed__gt=0)

    def with_results(self, session: "ProcessingSession") -> Self:
        """Those of a session with photos that are done, in the order of positions."""
        return self.filter(session=session, kind=BatchKind.PHOTOS, processed__gt=0).order_by("number", "pk")

    def finished_digests(self, session_id: UUID) -> "models.QuerySet[Any, tuple[int, Stored]]":
        """Read key and digest of a session's finished batches of photos."""
        done = self.filter(session=session_id, kind=BatchKind.PHOTOS, status=BatchStatus.DONE)
        return done.order_by("pk").values_list("pk", "digest")

    def release_held_by(self, worker: Worker) -> int:
        """Give back whatever a worker holds, which works on none of it any more; give how many."""
        return self.leased().filter(worker=worker).update(status=BATCH_STEPS["release"][1], worker=None)

    def claim(self, session_id: UUID, worker: Worker) -> "Batch | None":
        """Lease the first queued batch of a session, or None: nothing to take, or not now, or not by this one.

        The session's lock orders claims on both databases. test: test_claim_is_refused_when_*,
        test_claim_takes_nothing_when_a_pause_was_first.
        """
        with transaction.atomic():
            session = _sessions().lock(session_id)
            workable = _sessions().workable().filter(pk=session_id).exists()
            may_take = Worker.objects.living().serving(session_id).filter(pk=worker.pk)
            if not workable or not may_take.exists():
                return None
            batch = self.takeable(session).first()
            if batch is None:
                return None
            if session.started_at is None:
                _sessions().filter(pk=session_id).update(started_at=Now())
            batch._step("claim", worker=worker, attempt=session.attempt, lease=F("lease") + 1)  # noqa: SLF001
            return batch


class Batch(models.Model):
    """Some photos of a session, or its scan, or its comparison."""

    session = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, related_name="batches", db_index=False
    )
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=10, choices=BatchKind)
    first_position = models.PositiveBigIntegerField(_("first position"), default=0)
    photos_count = models.PositiveIntegerField(_("photos"), default=0)
    manifest = models.JSONField(_("manifest"), default=dict, blank=True)

    status = models.CharField(_("status"), max_length=10, choices=BatchStatus, default=BatchStatus.QUEUED)
    lease = models.PositiveBigIntegerField(_("fencing number"), default=0)
    worker = models.ForeignKey(
        "processing.Worker", models.PROTECT, null=True, blank=True, related_name="held_batches"
    )
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    sequence = models.PositiveBigIntegerField(_("commits"), default=0)
    deaths = models.PositiveIntegerField(_("deaths without progress"), default=0)
    suspects = models.JSONField(_("photos that were in flight at a death"), default=dict, blank=True)

    processed = models.PositiveIntegerField(_("processed"), default=0)
    approved = models.PositiveIntegerField(_("approved"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    unreadable = models.PositiveIntegerField(_("unreadable"), default=0)
    quarantined = models.PositiveIntegerField(_("quarantined"), default=0)
    reason_counts = models.JSONField(_("photos by reason"), default=dict, blank=True)
    digest = models.BinaryField(_("keyed digest of the live rows"), default=bytes)
    chain_head = models.BinaryField(_("seal of the newest checkpoint"), default=bytes)

    objects = BatchQuerySet.as_manager()
    _overrides: "dict[int, Override] | None" = None

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes: ClassVar = [
            models.Index(
                fields=["session", "kind", "number"],
                condition=Q(status=BatchStatus.QUEUED),
                name="queued_batch_by_number",
            ),
            models.Index(
                fields=["session"],
                condition=~Q(status=BatchStatus.DONE) & Q(processed__gt=0),
                name="open_batch_with_results",
            ),
            models.Index(
                fields=["session", "kind"],
                condition=~Q(status=BatchStatus.DONE),
                name="unfinished_batch_by_kind",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "number"], name="one_batch_per_number"),
            models.CheckConstraint(condition=Q(kind__in=BatchKind.values), name="batch_kind_is_known"),
            models.CheckConstraint(condition=Q(status__in=BatchStatus.values), name="batch_status_is_known"),
            models.CheckConstraint(
                condition=Q(status=BatchStatus.LEASED, worker__isnull=False)
                | (~Q(status=BatchStatus.LEASED) & Q(worker__isnull=True)),
                name="leased_batch_has_worker",
            ),
            models.CheckConstraint(
                condition=Q(processed=F("approved") + F("rejected") + F("unreadable") + F("quarantined")),
                name="batch_counts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(processed__lte=F("photos_count")), name="batch_never_exceeds_its_manifest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}/{self.number}"

    def _step(self, name: str, **changes: Any) -> None:
        """Take one step as one UPDATE that names the status and the lease it leaves, or raise LeaseLost.

        test: test_commit_writes_nothing_when_the_lease_was_taken_away.
        """
        old, new = BATCH_STEPS[name]
        taken = Batch.objects.filter(pk=self.pk, status=old, lease=self.lease).update(status=new, **changes)
        if not taken:
            raise LeaseLost(self)
        self.refresh_from_db()

    def photos(self) -> list[Photo]:
        """Unpack the manifest."""
        return [
            Photo(self.first_position + index, b64decode(path), size_bytes, mtime_ns)
            for index, (path, size_bytes, mtime_ns) in enumerate(self.manifest.get("photos", []))
        ]

    def missing(self) -> list[Photo]:
        """What is still to do: the manifest minus the live rows. No cursor decides it (design §2)."""
        live = ImageResult.objects.live().filter(session_id=self.session_id)
        span = (self.first_position, self.first_position + self.photos_count - 1)
        done = set(live.filter(position__range=span).order_by().values_list("position", flat=True))
        return [photo for photo in self.photos() if photo.position not in done]

    def release(self) -> None:
        """Give the lease back with work left."""
        self._step("release", worker=None)

    def take_away(self) -> None:
        """Queue the batch again under a new fencing number, so that its holder can write nothing more."""
        self._step("bury", worker=None, lease=F("lease") + 1)

    def requeue(self, *, is_done: bool) -> None:
        """Set, unsaved, what a recovery makes of it: under a new fencing number, queued unless nothing is left.

        The caller has locked the session and fenced its batches, so no state is left that a guard could name.
        """
        self.status = BatchStatus.DONE if is_done else BatchStatus.QUEUED
        self.worker, self.lease = None, self.lease + 1

    def keep_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write how far a scan is, or raise LeaseLost. test: test_scan_writes_nothing_when_its_lease_is_lost."""
        sequence = self.sequence + 1
        held = Batch.objects.filter(pk=self.pk, status=BatchStatus.LEASED, lease=self.lease)
        if not held.update(manifest=manifest, sequence=sequence, deaths=0):
            raise LeaseLost(self)
        self.manifest, self.sequence, self.deaths = manifest, sequence, 0

    def finish(self, **changes: Any) -> None:
        """End a scan or a comparison, or raise LeaseLost; photos end with the commit of their last results."""
        self._step("finish", worker=None, sequence=F("sequence") + 1, deaths=0, **changes)

    def note_death(self) -> None:
        """Count one more holder that died without progress; the burier has the session locked."""
        Batch.objects.filter(pk=self.pk).update(deaths=F("deaths") + 1)
        self.deaths += 1

    def note_suspects(self) -> None:
        """Keep which photos were in flight at deaths; those are analyzed one by one from now on."""
        Batch.objects.filter(pk=self.pk, lease=self.lease).update(suspects=self.suspects)

    def fail(self, error: str, alarm: "Alarm | None" = None) -> bool:
        """Give the lease back and stop the session; only who still holds the lease may say so.

        False: somebody has held or ended the session before, so only the lease was given back.
        """
        with transaction.atomic():
            session = _sessions().lock(self.session_id)
            self.release()
            may_fail = session.may("fail")
            if may_fail:
                session.fail(error, alarm)
        return may_fail

    def commit(self, results: Sequence[ImageResult], seal: Seal) -> None:
        """Write results, counters and checkpoint together, or nothing: one transaction that names the lease.

        Raises LeaseLost when the batch was taken away. The lease holder alone moves the counters, so its own
        are the truth; the guarded UPDATE compares them. The session's row is locked only by the commit that
        ends the batch, or that brings rows under a person's verdict.
        """
        counters, reason_counts = self._count(results)
        shift = self._decide(results)
        for result in results:
            result.pk = None  # A rolled back try has left its numbers. test: test_commit_inserts_new_keys_*
            result.sign()
        with transaction.atomic():
            ends = counters["processed"] == self.photos_count
            locked = _sessions().lock(self.session_id) if ends or shift else None
            self._store(counters, reason_counts, ends=ends)
            ImageResult.objects.bulk_create(results)
            if locked is not None and shift:
                locked.shift_by(shift)
            commit = self._account(results, counters, reason_counts, locked if ends else None)
            self._keep_chains(commit.digest, seal(commit))
        self._keep(counters, reason_counts)

    def _account(
        self,
        results: Sequence[ImageResult],
        counters: Mapping[str, int],
        reason_counts: Mapping[str, int],
        session: "ProcessingSession | None",
    ) -> Commit:
        """Count a batch that has ended into its locked session, and say what was written."""
        held = self._read_held()
        digest = digests.after_commit(self.pk, held["digest"], results)
        processed_before = session.processed if session else 0
        if session is not None:
            session.absorb(self, counters, reason_counts, digest)
            session.advance_locked()
        finished = {name: held[f"session__{name}"] for name in COUNTERS}
        return Commit(
            batch=self,
            counters=counters,
            reason_counts=reason_counts,
            sequence=self.sequence + 1,
            last_position=max(result.position for result in results),
            last_result=max(result.pk for result in results),
            committed_at=max(result.created_at for result in results),
            session=session,
            processed_before=processed_before,
            finished=session.decided() if session else shifted(finished, held["session__shift"]),
            stage=session.stage if session else held["session__stage"],
            digest=digest,
            chain_head=bytes(held["chain_head"]),
        )

    def commit_end(self, session: "ProcessingSession", seal: Seal) -> None:
        """Make the checkpoint of a scan or a comparison that has just ended; the caller has locked the session."""
        head = seal(Commit.without_results(self, session))
        self._keep_chains(bytes(self.digest), head)

    def has_landed(self) -> bool:
        """After a lost commit answer, read whether it landed; if so, take over what it wrote.

        Raises LeaseLost when the batch has been taken away meanwhile.
        """
        stored = Batch.objects.get(pk=self.pk)
        if stored.lease != self.lease:
            raise LeaseLost(self)
        if stored.sequence == self.sequence:
            return False
        self._keep({name: getattr(stored, name) for name in COUNTERS}, stored.reason_counts)
        return True

    def _count(self, results: Iterable[ImageResult]) -> tuple[dict[str, int], dict[str, int]]:
        counters = {name: getattr(self, name) for name in COUNTERS}
        reason_counts = dict(self.reason_counts)
        for result in results:
            counters["processed"] += 1
            counters[result.verdict] += 1
            for reason in result.reasons:
                reason_counts[reason["code"]] = reason_counts.get(reason["code"], 0) + 1
        return counters, reason_counts

    def _decide(self, results: Iterable[ImageResult]) -> Counter[str]:
        """Put photos under the person's verdict in force, read once a claim; give what that changes in the counts.

        While the lease holds, nobody can say anything of a photo without a row.
        """
        if self._overrides is None:
            self._overrides = Override.objects.of_batch(self).newest()
        return decide(results, self._overrides)

    def _store(self, counters: Mapping[str, int], reason_counts: Mapping[str, int], *, ends: bool) -> None:
        changes: dict[str, Any] = dict(
            counters, reason_counts=reason_counts, sequence=self.sequence + 1, deaths=0
        )
        if ends:
            changes.update(status=BATCH_STEPS["finish"][1], worker=None)
        # test: test_commit_writes_nothing_when_*, test_commit_of_the_same_chunk_is_refused_when_it_has_landed
        held = Batch.objects.filter(
            pk=self.pk, status=BatchStatus.LEASED, lease=self.lease, processed=self.processed
        )
        if not held.update(**changes):
            raise LeaseLost(self)

    def _read_held(self) -> dict[str, Any]:
        """Read what the chains go on from, and how the session stands; the guarded UPDATE has locked the batch.

        Read and not remembered: `rotate_keys` makes both anew while a worker holds the batch.
        test: test_commit_chains_onto_what_is_stored_when_the_keys_were_rotated_meanwhile.
        """
        rows = Batch.objects.filter(pk=self.pk).values(
            "digest",
            "chain_head",
            "session__stage",
            "session__shift",
            *(f"session__{name}" for name in COUNTERS),
        )
        return dict(rows.get())

    def _keep_chains(self, digest: bytes, head: bytes | None) -> None:
        changes = {"digest": digest} if head is None else {"digest": digest, "chain_head": head}
        Batch.objects.filter(pk=self.pk).update(**changes)
        for name, value in changes.items():
            setattr(self, name, value)

    def _keep(self, counters: Mapping[str, int], reason_counts: dict[str, int]) -> None:
        for name in COUNTERS:
            setattr(self, name, counters[name])
        self.reason_counts = reason_counts
        self.sequence += 1
