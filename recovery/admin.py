"""Administration of the evidence, which can only be looked at, and of people, each change of which is recorded."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest

from config.admin import MachineRowAdmin
from processing import access
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from recovery.people import PeopleAdmin, RolesAdmin

# Django has registered its own, which record nothing.
admin.site.unregister([User, Group])
admin.site.register(User, PeopleAdmin)
admin.site.register(Group, RolesAdmin)


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


@admin.register(AuditEntry)
class AuditEntryAdmin(MachineRowAdmin):
    """The audit log, for who may see all of it; `audit verify` says whether it is as it was written."""

    session_field = ""
    list_display = ("number", "at", "actor", "action", "session", "outcome")
    search_fields = ("^session", "actor", "action")
    search_help_text = "The beginning of a session's id, a part of a name, or an action."

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- the admin's signature
        """Others must not learn here who did what in sessions that they may not see."""
        return access.may_audit(request.user)
