"""How much room is left where something grows, so that a full disk is said before it is full."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

# A million verdicts with thumbnails take about as much.
FREE_BYTES_MIN = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the disk of a folder, and whether that is little."""

    name: str
    folder: Path
    free_bytes: int

    @property
    def is_low(self) -> bool:
        """Whether somebody should look after it."""
        return self.free_bytes < FREE_BYTES_MIN


def rooms() -> list[Room]:
    """Give the state folder's room, and the database's where it is a file; a server looks after its own disk."""
    folders = {"state": Path(settings.STOCKPROOF_VAR)}
    if connection.vendor == "sqlite":
        folders["database"] = Path(str(connection.settings_dict["NAME"])).parent
    return [Room(name, folder, _free_bytes(folder)) for name, folder in folders.items()]


def _free_bytes(folder: Path) -> int:
    """Ask the disk; one that does not answer, or whose folder is gone, has no room."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def low_rooms() -> list[Room]:
    """Give those that are low."""
    return [room for room in rooms() if room.is_low]


class DiskWatch:
    """A chore of a parent: logs when a disk gets low, and again when it has room; nothing in between."""

    def __init__(self) -> None:
        self._low: set[str] = set()

    def __call__(self) -> None:
        """Look once."""
        for room in rooms():
            if room.is_low == (room.name in self._low):
                continue
            facts = {"what": room.name, "folder": str(room.folder), "free_bytes": room.free_bytes}
            if room.is_low:
                self._low.add(room.name)
                logger.warning("disk is getting full", extra=facts)
            else:
                self._low.discard(room.name)
                logger.warning("disk has room again", extra=facts)
