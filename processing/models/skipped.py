"""What a scan left out for a reason: links, devices, pipes, sockets, folders that cannot be read."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SkipReason(models.TextChoices):
    """Why an entry of the source is not among the photos."""

    LINK = "link", _("symbolic link")
    DEVICE = "device", _("device")
    FIFO = "fifo", _("named pipe")
    SOCKET = "socket", _("socket")
    UNREADABLE_FOLDER = "unreadable_folder", _("folder that cannot be read")
    TOO_DEEP = "too_deep", _("folder nested too deeply")


class SkippedEntry(models.Model):
    """One entry of the source that is no photo although its name or place would make it one."""

    session = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, related_name="skipped_entries"
    )
    path = models.BinaryField(_("path"))
    path_text = models.TextField(_("path as text"))
    reason = models.CharField(_("reason"), max_length=20, choices=SkipReason)

    objects: ClassVar[models.Manager["SkippedEntry"]] = models.Manager()

    class Meta:
        verbose_name = _("skipped entry")
        verbose_name_plural = _("skipped entries")

    def __str__(self) -> str:
        return self.path_text
