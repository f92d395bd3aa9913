"""The house itself as an app, so that its system checks are registered."""

from django.apps import AppConfig


class HouseConfig(AppConfig):
    """Settings, checks, static files."""

    name = "config"
    label = "house"

    def ready(self) -> None:
        """Register the system checks."""
        from config import checks  # noqa: PLC0415 -- they need the loaded apps.

        checks.register()
