"""Addresses of the pages of crashes, recoveries, checkpoints and the audit log."""

from django.urls import path

from recovery.views import audit, checkpoints, dashboard, dialog, statistics, timeline

urlpatterns = [
    path("recovery/", dashboard.dashboard, name="recovery"),
    path("sessions/<uuid:session_id>/recovery/", dialog.recovery, name="session-recovery"),
    path("sessions/<uuid:session_id>/timeline/", timeline.timeline, name="session-timeline"),
    path("sessions/<uuid:session_id>/checkpoints/", checkpoints.checkpoints, name="session-checkpoints"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("audit/", audit.audit, name="audit"),
]
