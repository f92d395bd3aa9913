"""The house itself as an app, so that its system checks are registered; and the administration with our site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    """Django's administration behind our own door."""

    default_site = "config.site.StockproofSite"


class HouseConfig(AppConfig):
    """Settings, checks, static files."""

    name = "config"
    label = "house"

    def ready(self) -> None:
        """Register the system checks."""
        from config import checks  # noqa: PLC0415 -- they need the loaded apps.

        checks.register()
