"""Addresses of the pages of crashes, recoveries, checkpoints and the audit log."""

from django.urls import path

from recovery.views import (
    audit,
    batch,
    checkpoints,
    dashboard,
    dialog,
    operations,
    statistics,
    timeline,
)

urlpatterns = [
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("recovery/", dashboard.dashboard, name="recovery"),
    path("recovery/crashes/", dashboard.crashes, name="recovery-crashes"),
    path("recovery/dialog/", dialog.dialog, name="recovery-dialog"),
    path("recovery/banner/", batch.banner, name="recovery-banner"),
    path("recovery/batch/", batch.batch, name="recovery-batch"),
    path("sessions/<uuid:session_id>/recovery/", dialog.recovery, name="session-recovery"),
    path("sessions/<uuid:session_id>/recovery/undo/", dialog.undo, name="session-undo"),
    path("sessions/<uuid:session_id>/timeline/", timeline.timeline, name="session-timeline"),
    path("sessions/<uuid:session_id>/checkpoints/", checkpoints.checkpoints, name="session-checkpoints"),
    path("sessions/<uuid:session_id>/checkpoints/clean/", checkpoints.clean_up, name="checkpoints-clean"),
    path(
        "sessions/<uuid:session_id>/checkpoints/<uuid:checkpoint_id>/verify/",
        checkpoints.verify,
        name="checkpoint-verify",
    ),
    path(
        "sessions/<uuid:session_id>/checkpoints/<uuid:checkpoint_id>/pin/",
        checkpoints.pin,
        name="checkpoint-pin",
    ),
    path("statistics/", statistics.statistics, name="statistics"),
    path("audit/", audit.audit, name="audit"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/export/<slug:file_format>/", audit.export, name="audit-export"),
]
