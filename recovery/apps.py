"""The recovery app."""

from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    """Checkpoints and crashes."""

    name = "recovery"
    default_auto_field = "django.db.models.BigAutoField"
