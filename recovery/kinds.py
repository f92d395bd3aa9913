"""What checkpoints are taken for."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class CheckpointType(TextChoices):
    """What a checkpoint was taken for."""

    IMAGE = "image", _("image")
    BATCH = "batch", _("batch")
    MILESTONE = "milestone", _("milestone")
    EMERGENCY = "emergency", _("emergency")
    MANUAL = "manual", _("manual")


# These seal the heads of all open batches and the sum of the finished ones; they are made under the session's lock.
SEALING = (CheckpointType.MILESTONE, CheckpointType.EMERGENCY, CheckpointType.MANUAL)
