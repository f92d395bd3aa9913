"""The processing app."""

from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    """Sessions, batches, results."""

    name = "processing"
    default_auto_field = "django.db.models.BigAutoField"
