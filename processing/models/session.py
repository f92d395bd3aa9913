"""A session: one folder of photos on its way from the first name to the last verdict."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from processing import access, digests, keys, pace, states
from processing.models.batch import Batch
from processing.models.commit import COUNTERS, shifted
from processing.models.session_set import SessionQuerySet
from processing.models.worker import Worker
from processing.states import BatchKind, Hold, SessionState, Stage, Status, Verdict

Register = Callable[["ProcessingSession"], Worker]
# Writes down, inside the transaction in which a session fails, how it stood and why.
Alarm = Callable[["ProcessingSession", str], None]
LANES_DEFAULT = 64


class StepRefused(Exception):
    """A session is in a state that the step may not leave."""

    def __init__(self, session: "ProcessingSession", step: str, hint: str = "") -> None:
        self.session, self.step, self.status = session, step, session.status
        text = f"Session {session.pk} cannot {step.replace('_', ' ')}: it is {self.status.value}."
        super().__init__(f"{text} {hint}".strip())


class ProcessingSession(models.Model):
    """One run over one source. Its counters are those of its finished batches; `counts` adds the open ones."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="photo_sessions"
    )
    name = models.CharField(_("name"), max_length=200)
    source = models.TextField(_("source"))
    source_path = models.BinaryField(_("source as bytes"))
    recursive = models.BooleanField(_("with subfolders"), default=True)
    output = models.TextField(_("output folder"), blank=True)
    preset_name = models.CharField(_("preset"), max_length=100)
    preset = models.JSONField(_("rules at the start"))
    batch_size = models.PositiveIntegerField(_("photos per batch"))
    checkpoint_interval = models.PositiveIntegerField(_("photos per checkpoint"))
    lanes = models.PositiveIntegerField(_("workers at once, at most"), default=LANES_DEFAULT)

    stage = models.CharField(_("stage"), max_length=10, choices=Stage, default=Stage.SCANNING)
    hold = models.CharField(_("hold"), max_length=10, choices=Hold, default=Hold.NONE, blank=True)
    crashed_at = models.DateTimeField(_("interrupted since"), null=True, blank=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    hold_by = models.CharField(_("held by"), max_length=150, blank=True)
    hold_why = models.TextField(_("held because"), blank=True)
    last_error = models.TextField(_("last error"), blank=True)

    found_count = models.PositiveBigIntegerField(_("photos listed"), default=0)
    total = models.PositiveBigIntegerField(_("photos"), null=True, blank=True)
    skipped_count = models.PositiveBigIntegerField(_("entries left out"), default=0)
    doomed_counts = models.JSONField(_("can only fail a file rule"), default=dict, blank=True)
    processed = models.PositiveBigIntegerField(_("processed"), default=0)
    approved = models.PositiveBigIntegerField(_("approved"), default=0)
    rejected = models.PositiveBigIntegerField(_("rejected"), default=0)
    unreadable = models.PositiveBigIntegerField(_("unreadable"), default=0)
    quarantined = models.PositiveBigIntegerField(_("quarantined"), default=0)
    reason_counts = models.JSONField(_("photos by reason"), default=dict, blank=True)
    shift = models.JSONField(_("what decisions change in the counts"), default=dict, blank=True)
    finished_sum = models.BinaryField(_("keyed sum of the finished batches"), default=bytes)
    ledger = models.JSONField(_("checkpoints that must be there"), default=dict, blank=True)
    ledger_tag = models.BinaryField(_("keyed hash of the ledger"), default=bytes)

    pace = models.JSONField(_("photos processed over time"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("first batch claimed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        permissions: ClassVar = [
            (access.OPERATE, "Can create sessions, and run, recover and override own ones"),
            (access.AUDIT, "Can see every session and the whole audit log, and verify"),
            (access.ADMINISTER, "Can do everything to every session"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "-id"], name="session_newest_first"),
            models.Index(
                fields=["created_at"], condition=~Q(stage=Stage.COMPLETED), name="session_not_completed"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="session_stage_is_known"),
            models.CheckConstraint(condition=Q(hold__in=Hold.values), name="session_hold_is_known"),
            models.CheckConstraint(
                condition=Q(processed=F("approved") + F("rejected") + F("unreadable") + F("quarantined")),
                name="session_counts_add_up",
            ),
            models.CheckConstraint(
                condition=~Q(stage=Stage.COMPLETED) | Q(hold=Hold.NONE, crashed_at=None),
                name="completed_session_is_not_held",
            ),
            models.CheckConstraint(
                condition=Q(stage=Stage.SCANNING) | Q(total__isnull=False), name="scanned_session_has_total"
            ),
            models.CheckConstraint(
                condition=Q(batch_size__gt=0, checkpoint_interval__gt=0, lanes__gt=0),
                name="session_sizes_are_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> SessionState:
        """The three columns that steps move."""
        return SessionState(Stage(self.stage), Hold(self.hold), self.crashed_at is not None)

    @property
    def status(self) -> Status:
        """What the world is told."""
        return self.state.status

    @property
    def is_finished(self) -> bool:
        """Whether no work will ever be done in it again, unless a person asks for it."""
        return self.status in (Status.COMPLETED, Status.CANCELLED)

    @classmethod
    def start(cls, *, register: Register | None = None, **columns: Any) -> "ProcessingSession":
        """Create a session with its scan batch; `register` adds the row of a parent of its own, all in one.

        Without that the session would be nobody's for a moment, and another parent would offer it.
        """
        with transaction.atomic():
            session = cls.objects.create(**columns)
            Batch.objects.create(session=session, number=0, kind=BatchKind.SCAN)
            if register is not None:
                register(session)
        session.refresh_from_db()
        return session

    def _step(self, name: str, **changes: Any) -> None:
        """Take one step of the table as one guarded UPDATE, or raise StepRefused.

        test: test_session_step_leads_where_the_table_says_from_every_state.
        """
        step = states.SESSION_STEPS[name]
        guarded = ProcessingSession.objects.filter(pk=self.pk, stage__in=step.stages, hold__in=step.holds)
        if len(step.latched) == 1:
            guarded = guarded.filter(crashed_at__isnull=not step.latched[0])
        if step.stage is not None:
            changes["stage"] = step.stage
        if step.hold is not None:
            changes["hold"] = step.hold
        if step.latch is not None:
            changes["crashed_at"] = Now() if step.latch else None
        taken = guarded.update(**changes)
        self.refresh_from_db()
        if not taken:
            raise StepRefused(self, name)

    def pause(self, by: str = "", why: str = "") -> None:
        """Stop handing out work; chunks already in the air still land."""
        self._step("pause", hold_by=by, hold_why=why)

    def resume(self, register: Register | None = None) -> None:
        """Lift a pause; `register` adds the row of a parent that serves the session from now on."""
        with transaction.atomic():
            self._step("resume", hold_by="", hold_why="", attempt=F("attempt") + 1)
            if register is not None:
                register(self)

    def take_up(self, register: Register) -> None:
        """Give a session that only waits for workers a parent of its own. Raises StepRefused otherwise."""
        with transaction.atomic():
            session = ProcessingSession.objects.lock(self.pk)
            waits = session.status.value == session.stage and not session.is_finished
            if not waits or session.is_attended():
                raise StepRefused(session, "wait for its end", "Only a paused or a waiting session can.")
            register(session)

    def is_attended(self) -> bool:
        """Whether a parent of its own or a worker in a lane is at it."""
        own = Q(serves=self.pk, parent=None) | Q(lane_session=self.pk)
        return Worker.objects.living().filter(own).exists()

    def is_listed(self) -> bool:
        """Whether the scan has ended, also if the stage has not moved on yet."""
        return self.stage != Stage.SCANNING or not self._unfinished(BatchKind.SCAN)

    def cancel(self, by: str = "", why: str = "") -> None:
        """Give the session up for good; what is committed stays readable."""
        self._step("cancel", hold_by=by, hold_why=why, ended_at=Now())

    def rename(self, name: str) -> None:
        """Call the session by another name."""
        ProcessingSession.objects.filter(pk=self.pk).update(name=name)
        self.refresh_from_db()

    def retire(self, by: str = "") -> None:
        """Cancel a completed session because it is to be deleted; nothing leads back from there."""
        self._step("retire", hold_by=by, hold_why="It is being deleted.")

    def fail(self, error: str, alarm: Alarm | None = None) -> None:
        """Stop because of an error that only a person can mend; `recover` goes on afterwards."""
        with transaction.atomic():
            self._step("fail", last_error=error)
            if alarm is not None:
                alarm(self, error)

    def latch(self) -> None:
        """Mark the session as interrupted; only `recover` and `cancel` clear it."""
        self._step("latch")

    def recover(self) -> None:
        """Set an interrupted, failed, paused or waiting session going again, under a new attempt number.

        Leases still held are taken away first: who held them is fenced and finds its work queued again.
        """
        with transaction.atomic():
            locked = ProcessingSession.objects.lock(self.pk)
            # Locked first: a holder may give its lease back at this moment.
            # Proven by test_recover_goes_on_when_the_holder_gives_its_lease_back_meanwhile.
            held = Batch.objects.leased().filter(session=locked).select_for_update(no_key=True)
            for batch in held.order_by("number", "pk"):
                batch.take_away()
            locked._step("recover", hold_by="", hold_why="", attempt=F("attempt") + 1)  # noqa: SLF001 -- own class
            locked.advance()
        self.refresh_from_db()

    def rewind(self) -> None:
        """Go back to analyzing: photos have lost their verdicts, or the comparison is to be made again."""
        self._step("rewind", ended_at=None)

    def roll_back(self, by: str, why: str) -> None:
        """Stop after an undo, under a new attempt number, until a person lets it go on; under the lock."""
        self._step("roll_back", hold_by=by, hold_why=why, attempt=F("attempt") + 1)
        self.advance_locked()

    def advance(self) -> None:
        """Move the stage as far as the batches allow. Level-triggered: anyone may ask, any number of times."""
        if not self._is_ripe():
            return
        with transaction.atomic():
            session = ProcessingSession.objects.lock(self.pk)
            session.advance_locked()
        self.refresh_from_db()

    def _is_ripe(self) -> bool:
        kind = {Stage.SCANNING: BatchKind.SCAN, Stage.RUNNING: BatchKind.PHOTOS}.get(Stage(self.stage))
        return kind is not None and not self._unfinished(kind)

    def advance_locked(self) -> None:
        """Move the stage of a session whose row the caller has locked."""
        if self.may("finish_scan") and self._is_ripe():
            self._step("finish_scan", total=F("found_count"))
        if self.may("begin_compare") and self._is_ripe():
            batches = Batch.objects.filter(session=self)
            # A recovery has queued the one of an earlier comparison again.
            if not batches.filter(kind=BatchKind.COMPARE).exists():
                Batch.objects.create(session=self, number=batches.count(), kind=BatchKind.COMPARE)
            self._step("begin_compare")

    def may(self, step: str) -> bool:
        """Whether its state, as it was read, allows a step."""
        return states.SESSION_STEPS[step].allows(self.state)

    def _unfinished(self, kind: BatchKind) -> bool:
        return Batch.objects.unfinished().filter(session=self, kind=kind).order_by().exists()

    def absorb(
        self, batch: Batch, counters: Mapping[str, int], reason_counts: Mapping[str, int], digest: bytes
    ) -> None:
        """Add a finished batch's counters and digest to the session's; the caller has locked the row."""
        for code, count in reason_counts.items():
            self.reason_counts[code] = self.reason_counts.get(code, 0) + count
        self.finished_sum = digests.add_finished(self.finished_sum, batch.pk, digest)
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + counters[name])
        self.pace = pace.with_point(self.pace, timezone.now(), self.processed)
        changes: dict[str, Any] = {name: getattr(self, name) for name in (*COUNTERS, "pace")}
        ProcessingSession.objects.filter(pk=self.pk).update(
            reason_counts=self.reason_counts, finished_sum=self.finished_sum, **changes
        )

    def keep_ledger(self, ledger: Mapping[str, Any]) -> None:
        """Write which checkpoints must be there; the caller has locked the row.

        A ledger that does not bear its keyed hash is not signed anew, so that the change stays found.
        test: test_ledger_stays_unsigned_when_it_was_changed.
        """
        if self.has_authentic_ledger():
            self.ledger_tag = keys.sign("ledger", *self._signed_ledger(ledger))
        self.ledger = dict(ledger)
        ProcessingSession.objects.filter(pk=self.pk).update(ledger=self.ledger, ledger_tag=self.ledger_tag)

    def has_authentic_ledger(self) -> bool:
        """Whether the ledger bears its keyed hash, or was never written."""
        if not self.ledger and not self.ledger_tag:
            return True
        return keys.holds(bytes(self.ledger_tag), "ledger", *self._signed_ledger(self.ledger))

    def _signed_ledger(self, ledger: Mapping[str, Any]) -> tuple[bytes, bytes]:
        return self.pk.bytes, keys.canonical(ledger)

    def decided(self) -> dict[str, int]:
        """Count the photos of the finished batches by decision."""
        return shifted({name: getattr(self, name) for name in COUNTERS}, self.shift)

    def complete(self, moved: Mapping[str, int]) -> None:
        """End the session with how many photos compare moved from approved to rejected, by reason; under the lock."""
        for code, number in moved.items():
            self.reason_counts[code] = self.reason_counts.get(code, 0) + number
        self._step(
            "complete",
            reason_counts=self.reason_counts,
            hold_by="",
            hold_why="",
            ended_at=Now(),
        )

    def set_shift(self, shift: Mapping[str, int]) -> None:
        """Keep what decisions that differ from measured verdicts add to the counts; under the lock."""
        self.shift = {str(name): count for name, count in sorted(shift.items()) if count}
        ProcessingSession.objects.filter(pk=self.pk).update(shift=self.shift)

    def shift_by(self, changes: Mapping[str, int]) -> None:
        """Move photos from one decision to another; under the lock, which no other decision changes without."""
        self.set_shift({name: self.shift.get(name, 0) + changes.get(name, 0) for name in Verdict.values})

    def counts(self) -> dict[str, int]:
        """Count processed photos and decisions: the finished batches' counters plus those of the open ones."""
        return ProcessingSession.objects.count_photos(self.pk)[self.pk]

    def count_reasons(self) -> dict[str, int]:
        """Count photos by reason: the finished batches' plus those of the open ones."""
        counts: Counter[str] = Counter()
        for _session_id, reason_counts in ProcessingSession.objects.tallies([self.pk], "reason_counts"):
            counts.update(reason_counts)
        return dict(counts)
