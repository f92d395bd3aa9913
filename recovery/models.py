"""Evidence beside the rows: checkpoints, crashes, recovery attempts. Losing all of it loses no photo."""

import json
import zlib
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from processing.models import ProcessingSession


class CheckpointType(models.TextChoices):
    """What a checkpoint was taken for."""

    IMAGE = "image", _("image")
    BATCH = "batch", _("batch")
    MILESTONE = "milestone", _("milestone")
    EMERGENCY = "emergency", _("emergency")
    MANUAL = "manual", _("manual")


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


class CheckpointManager(models.Manager["Checkpoint"]):
    """Makes checkpoints and finds them."""

    def newest_first(self, session: "ProcessingSession") -> "models.QuerySet[Checkpoint]":
        """List a session's checkpoints for people."""
        return self.filter(session=session).order_by("-created_at", "-pk")

    def prune(self, session_id: UUID) -> None:
        """Keep the newest image checkpoints of a session.

        The newest are those that cover the newest rows: a clock that jumps decides nothing (guarantee 15). Rows
        that another worker is pruning at the same moment are left to it.
        """
        images = self.filter(session_id=session_id, checkpoint_type=CheckpointType.IMAGE, pinned=False)
        newest = images.order_by("-last_result", "-pk").select_for_update(skip_locked=True)
        old = list(newest.values_list("pk", flat=True)[settings.CHECKPOINT_KEEP_COUNT :])
        self.filter(pk__in=old).delete()


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
    session_state = models.BinaryField(_("state"))
    pinned = models.BooleanField(_("kept for ever"), default=False)
    void = models.BooleanField(_("covers rows put aside"), default=False)
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


def pack_state(state: dict[str, object]) -> bytes:
    """Turn a state into compressed canonical JSON."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return zlib.compress(text.encode("ascii"), 1)


def unpack_state(packed: bytes) -> dict[str, object]:
    """Read what `pack_state` wrote. Raises ValueError when the bytes are damaged."""
    try:
        state = json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise ValueError("The checkpoint's state is damaged.") from error
    if not isinstance(state, dict):
        raise ValueError("The checkpoint's state is not an object.")  # noqa: TRY004 -- damaged data, not a wrong type
    return state


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
    created_at = models.DateTimeField(_("at"), db_default=Now())

    objects: ClassVar[models.Manager["RecoveryAttempt"]] = models.Manager()

    class Meta:
        verbose_name = _("recovery")
        verbose_name_plural = _("recoveries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "number"], name="one_recovery_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.number}"
