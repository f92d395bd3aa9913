"""Administration of the evidence: checkpoints, crashes and recoveries can only be looked at."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.admin import MachineRowAdmin
from recovery.models import Checkpoint, Crash, RecoveryAttempt


@admin.register(Checkpoint)
class CheckpointAdmin(MachineRowAdmin):
    """Checkpoints."""

    list_display = (
        "id",
        "session_id",
        "checkpoint_type",
        "processed_count",
        "pinned",
        "voided_by",
        "created_at",
    )
    ordering = ("-created_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkpoint]:
        """Leave the states where they are."""
        return super().get_queryset(request).defer("session_state")


@admin.register(Crash)
class CrashAdmin(MachineRowAdmin):
    """Crashes."""

    list_display = ("id", "session_id", "crash_type", "interrupts", "photo", "detected_at", "closed_at")
    ordering = ("-detected_at", "-pk")


@admin.register(RecoveryAttempt)
class RecoveryAttemptAdmin(MachineRowAdmin):
    """Recoveries."""

    list_display = ("session_id", "number", "option", "by", "created_at")
