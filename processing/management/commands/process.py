"""`process SOURCE`: a folder of photos from the first name to the last verdict."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from processing.management.arguments import plain_text, positive_count
from processing.management.attendance import attend, new_parent
from processing.management.base import StockproofCommand
from processing.management.failures import Held, NotFound
from processing.models import Preset, ProcessingSession
from processing.models.preset import DEFAULT_PRESET
from processing.progress import session_of
from processing.sources import Folder, SourceRefused, check_source, path_text


class Command(StockproofCommand):
    help = "Create a session of a folder of photos, scan it, judge every photo, and wait for the end."
    example = "process ~/Pictures/2026 --name 'Autumn travel' --workers 4"
    migrates_own_sqlite = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("source", help="The folder with the photos.")
        parser.add_argument("--no-recursive", action="store_true", help="Leave subfolders out.")
        parser.add_argument("--name", type=plain_text, default="", help="What the session is called.")
        parser.add_argument(
            "--owner", default="", help="The user whom it belongs to; default: the only user."
        )
        parser.add_argument("--preset", default=DEFAULT_PRESET, help="The rules to judge by.")
        parser.add_argument("--batch-size", type=positive_count, default=settings.BATCH_SIZE)
        parser.add_argument(
            "--checkpoint-interval", type=positive_count, default=settings.CHECKPOINT_INTERVAL
        )
        parser.add_argument("--workers", type=positive_count, default=settings.STOCKPROOF_WORKERS)
        parser.add_argument("--detach", action="store_true", help="Leave the work to `serve` or `workers`.")
        parser.add_argument(
            "--new", action="store_true", help="Begin anew though the source has an open session."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        path = _checked_source(options["source"], recursive=not options["no_recursive"])
        if not options["new"]:
            _refuse_second(path)
        columns = _columns(path, options)
        if options["detach"]:
            self._announce(ProcessingSession.start(**columns))
            return
        parent = new_parent(options["workers"])
        session = ProcessingSession.start(register=parent.register, **columns)
        self.note(f"Session {session.pk} begins.")
        attend(self, session, parent)

    def _announce(self, session: ProcessingSession) -> None:
        if self.wants_json:
            self.emit("session", session_of(session))
        else:
            self.say(
                f"Session {session.pk} waits for the workers of `manage.py serve` or `manage.py workers`."
            )


def _checked_source(source: str, *, recursive: bool) -> bytes:
    """Refuse, before anything is created, a source that nothing can come of."""
    try:
        path = check_source(source, settings.STOCKPROOF_SOURCE_ROOTS)
    except SourceRefused as error:
        raise NotFound(str(error)) from error
    folder = Folder(path, recursive=recursive, left_out=(bytes(settings.STOCKPROOF_VAR),))
    if not folder.has_photo():
        raise NotFound(
            f"There is no photo in {path_text(path)}.",
            hint="Photos end in jpg, png, tif, webp, heic or avif, and are not hidden.",
        )
    return path


def _refuse_second(path: bytes) -> None:
    unfinished = ProcessingSession.objects.unfinished().filter(source_path=path).newest_first().first()
    if unfinished is not None:
        verb = "resume" if unfinished.status.value == "paused" else "recover"
        raise Held(
            f"Session {unfinished.pk} of this source is {unfinished.status.value}.",
            hint=f"`manage.py {verb} {unfinished.pk} --wait` goes on; --new begins another one.",
            session=unfinished.pk,
        )


def _columns(path: bytes, options: dict[str, Any]) -> dict[str, Any]:
    preset = Preset.objects.filter(name=options["preset"]).first()
    if preset is None:
        known = ", ".join(Preset.objects.order_by("name").values_list("name", flat=True))
        raise NotFound(f"There is no preset {options['preset']!r}.", hint=f"There are: {known}.")
    return {
        "name": options["name"]
        or path_text(Path(path.decode(errors="surrogateescape")).name.encode(errors="surrogateescape"))
        or "/",
        "owner": _owner(options["owner"]),
        "source": path_text(path),
        "source_path": path,
        "recursive": not options["no_recursive"],
        "preset_name": preset.name,
        "preset": preset.rules,
        "batch_size": options["batch_size"],
        "checkpoint_interval": options["checkpoint_interval"],
    }


def _owner(name: str) -> Any:
    """Find the owner: the user of that name, else the only user there is, else none."""
    users = get_user_model().objects.order_by("pk")
    if name:
        owner = users.filter(username=name).first()
        if owner is None:
            raise NotFound(f"There is no user {name!r}.")
        return owner
    only = list(users[:2])
    return only[0] if len(only) == 1 else None
