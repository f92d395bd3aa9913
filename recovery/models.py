"""Evidence beside the rows: checkpoints, crashes, recovery attempts. Losing all of it loses no photo."""

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from recovery.keeping import CheckpointManager
from recovery.kinds import CheckpointType as CheckpointType


class CrashType(models.TextChoices):
    """What most likely ended a process."""

    POWER_FAILURE = "power_failure", _("power failure")
    SYSTEM_CRASH = "system_crash", _("system crash")
    APPLICATION_CRASH = "application_crash", _("application crash")
    OUT_OF_MEMORY = "out_of_memory", _("out of memory")
    NETWORK_FAILURE = "network_failure", _("network failure")
    STORAGE_FAILURE = "storage_failure", _("storage failure")
    STOPPED = "stopped", _("stopped by a person")
    UNKNOWN = "unknown", _("unknown")


class Checkpoint(models.Model):
    """A summary of committed rows, made in the transaction that committed them."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    session = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, related_name="+", db_index=False
    )
    batch = models.ForeignKey("processing.Batch", models.CASCADE, null=True, blank=True, related_name="+")
    checkpoint_type = models.CharField(_("type"), max_length=10, choices=CheckpointType)
    sequence = models.PositiveBigIntegerField(_("number within its batch"))
    processed_count = models.PositiveBigIntegerField(_("photos processed"))
    current_batch = models.PositiveIntegerField(_("batch"), null=True, blank=True)
    current_image_index = models.PositiveBigIntegerField(_("position"), null=True, blank=True)
    last_result = models.PositiveBigIntegerField(_("newest result row"), null=True, blank=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    note = models.TextField(_("note"), blank=True)
    session_state = models.BinaryField(_("state"))
    digest = models.CharField(_("SHA-256 of the state"), max_length=64, blank=True)
    previous = models.BinaryField(_("seal of the checkpoint before"), default=bytes)
    seal = models.BinaryField(_("seal"), default=bytes)
    key_id = models.CharField(_("key"), max_length=8, blank=True)
    pinned = models.BooleanField(_("kept for ever"), default=False)
    voided_by = models.PositiveIntegerField(_("covers rows put aside by attempt"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    objects = CheckpointManager()

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        indexes: ClassVar = [
            models.Index(fields=["session", "-created_at", "-id"], name="checkpoint_newest_first"),
            models.Index(
                fields=["session", "-last_result", "-id"],
                condition=Q(checkpoint_type="image", pinned=False),
                name="image_checkpoint_newest_first",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(checkpoint_type__in=CheckpointType.values), name="checkpoint_type_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.checkpoint_type} {self.pk}"


class Crash(models.Model):
    """The death of a parent or of a worker, with the evidence that was there."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    session = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, null=True, blank=True, related_name="+"
    )
    worker = models.ForeignKey("processing.Worker", models.CASCADE, related_name="+")
    crash_type = models.CharField(_("type"), max_length=20, choices=CrashType, default=CrashType.UNKNOWN)
    probabilities = models.JSONField(_("probabilities"), default=dict, blank=True)
    evidence = models.JSONField(_("evidence"), default=list, blank=True)
    facts = models.JSONField(_("what was seen"), default=dict, blank=True)
    photo = models.TextField(_("photo in flight"), blank=True)
    discarded_count = models.PositiveIntegerField(_("verdicts discarded"), default=0)
    interrupts = models.BooleanField(_("interrupted the session"), default=False)
    detected_at = models.DateTimeField(_("detected"), db_default=Now())
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(
        "recovery.RecoveryAttempt", models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects: ClassVar[models.Manager["Crash"]] = models.Manager()

    class Meta:
        verbose_name = _("crash")
        verbose_name_plural = _("crashes")
        indexes: ClassVar = [
            models.Index(fields=["session", "-detected_at"], name="crash_newest_first"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(crash_type__in=CrashType.values), name="crash_type_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.crash_type} {self.pk}"


class RecoveryAttempt(models.Model):
    """One recovery that was carried out, under the attempt number that it gave the session."""

    session = models.ForeignKey("processing.ProcessingSession", models.CASCADE, related_name="+")
    number = models.PositiveIntegerField(_("attempt"))
    option = models.CharField(_("option"), max_length=20)
    by = models.CharField(_("by"), max_length=150, blank=True)
    # No foreign key: each pruning of checkpoints, in every commit, would look for recoveries.
    checkpoint = models.UUIDField(_("back to checkpoint"), null=True, blank=True)
    preview = models.JSONField(_("what was shown"), default=dict, blank=True)
    last_result = models.PositiveBigIntegerField(_("newest result row before"), null=True, blank=True)
    last_commit_at = models.DateTimeField(_("newest commit before"), null=True, blank=True)
    aside_digest = models.BinaryField(_("keyed digest of the rows put aside"), default=bytes)
    created_at = models.DateTimeField(_("at"), db_default=Now())
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=150, blank=True)

    objects: ClassVar[models.Manager["RecoveryAttempt"]] = models.Manager()

    class Meta:
        verbose_name = _("recovery")
        verbose_name_plural = _("recoveries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "number"], name="one_recovery_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.number}"


class AuditEntry(models.Model):
    """One act, chained to the one before by a keyed hash. Never changed; the session may be gone long since."""

    number = models.PositiveBigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("at"))
    actor = models.CharField(_("actor"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=20)
    session = models.UUIDField(_("session"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=200)
    details = models.JSONField(_("details"), default=dict, blank=True)
    mac = models.BinaryField(_("keyed hash"))

    objects: ClassVar[models.Manager["AuditEntry"]] = models.Manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes: ClassVar = [
            models.Index(fields=["session", "-number"], name="audit_by_session"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class AuditHead(models.Model):
    """The one row that says which entry is the last, so that a cut tail is found."""

    number = models.PositiveBigIntegerField(_("last entry"), default=0)
    mac = models.BinaryField(_("its keyed hash"), default=bytes)
    tag = models.BinaryField(_("keyed hash of both"), default=bytes)

    objects: ClassVar[models.Manager["AuditHead"]] = models.Manager()

    class Meta:
        verbose_name = _("audit head")
        verbose_name_plural = _("audit heads")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(pk=1), name="audit_has_one_head"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"
