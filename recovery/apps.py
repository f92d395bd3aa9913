"""The recovery app."""

from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    """Checkpoints and crashes."""

    name = "recovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the audit log see who comes and goes."""
        from recovery import logins  # noqa: PLC0415 -- it needs the loaded apps.

        logins.watch_logins()
