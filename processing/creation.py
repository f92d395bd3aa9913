"""What a new session needs before it is created: a source with photos, rules, an owner."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model

from processing.models import Preset, ProcessingSession
from processing.models.preset import DEFAULT_PRESET
from processing.sources import Folder, SourceRefused, check_source, path_text

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class NoPhotos(Exception):
    """The source holds nothing that could be judged."""

    def __init__(self, path: bytes) -> None:
        super().__init__(
            f"There is no photo in {path_text(path)}. Photos end in jpg, png, tif, webp, heic or avif, and are not hidden."
        )


class Unknown(Exception):
    """A preset or a user of that name does not exist."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for; None stands for the settings' value."""

    source: bytes
    name: str = ""
    recursive: bool = True
    preset: str = DEFAULT_PRESET
    batch_size: int | None = None
    checkpoint_interval: int | None = None
    owner: "AbstractBaseUser | None" = None

    def columns(self) -> dict[str, Any]:
        """Give the new session's columns. Raises Unknown with a sentence when there is no such preset."""
        preset = Preset.objects.filter(name=self.preset).first()
        if preset is None:
            known = ", ".join(Preset.objects.order_by("name").values_list("name", flat=True))
            raise Unknown(f"There is no preset {self.preset!r}. There are: {known}.")
        source = path_text(self.source)
        return {
            "name": self.name or PurePosixPath(source).name or source,
            "owner": self.owner,
            "source": source,
            "source_path": self.source,
            "recursive": self.recursive,
            "preset_name": preset.name,
            "preset": preset.rules,
            "batch_size": self.batch_size or settings.BATCH_SIZE,
            "checkpoint_interval": self.checkpoint_interval or settings.CHECKPOINT_INTERVAL,
        }


def readable_source(source: str) -> bytes:
    """Give the path of a folder that sessions may read. Raises SourceRefused with a sentence.

    Beyond loopback nothing may be read until somebody has said what, because those who ask are not at this machine.
    """
    roots = settings.STOCKPROOF_SOURCE_ROOTS
    if not roots and settings.STOCKPROOF_SERVED == "public":
        raise SourceRefused(
            "No folder may be read yet: whoever runs this installation names them in STOCKPROOF_SOURCE_ROOTS."
        )
    return check_source(source, roots)


def source_with_photos(source: str, *, recursive: bool) -> bytes:
    """Give the path of a source that something can come of, before anything is created.

    Raises SourceRefused or NoPhotos, each with a sentence.
    """
    path = readable_source(source)
    if not Folder(path, recursive=recursive, left_out=(bytes(settings.STOCKPROOF_VAR),)).has_photo():
        raise NoPhotos(path)
    return path


def unfinished_of(path: bytes) -> ProcessingSession | None:
    """Give the newest unfinished session of a source."""
    return ProcessingSession.objects.unfinished().filter(source_path=path).newest_first().first()


def owner_named(name: str) -> "AbstractBaseUser | None":
    """Find the owner: the user of that name, else the only user there is, else none. Raises Unknown."""
    users = get_user_model().objects.order_by("pk")
    if not name:
        only = list(users[:2])
        return only[0] if len(only) == 1 else None
    owner = users.filter(username=name).first()
    if owner is None:
        raise Unknown(f"There is no user {name!r}.")
    return owner
