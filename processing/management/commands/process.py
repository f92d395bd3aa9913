"""`process SOURCE`: a folder of photos from the first name to the last verdict."""

from argparse import ArgumentParser
from typing import Any
from uuid import uuid4

from django.conf import settings

from processing.creation import NoPhotos, Unknown, Wish, owner_named, source_with_photos, unfinished_of
from processing.management.arguments import add_workers, plain_text, positive_count
from processing.management.attendance import attend, new_parent
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import Held, NotFound
from processing.models import ProcessingSession
from processing.models.preset import DEFAULT_PRESET
from processing.progress import session_of
from processing.sources import SourceRefused
from processing.states import Status
from recovery import acts


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
        parser.add_argument(
            "--batch-size",
            type=positive_count,
            default=settings.BATCH_SIZE,
            metavar="N",
            help="Photos per batch; default: %(default)s.",
        )
        parser.add_argument(
            "--checkpoint-interval",
            type=positive_count,
            default=settings.CHECKPOINT_INTERVAL,
            metavar="N",
            help="Photos per commit; default: %(default)s.",
        )
        add_workers(parser)
        parser.add_argument("--detach", action="store_true", help="Leave the work to `serve` or `workers`.")
        parser.add_argument(
            "--new", action="store_true", help="Begin anew though the source has an open session."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        columns = _columns(options)
        if options["detach"]:
            self._announce(acts.begin(columns, actor=acting_person()))
            return
        parent = new_parent(options["workers"])
        columns["id"] = uuid4()
        parent.begin(lambda: acts.begin(columns, actor=acting_person(), register=parent.register))
        session = parent.insist(lambda: ProcessingSession.objects.get(pk=columns["id"]))
        self.note(f"Session {session.pk} begins.")
        attend(self, session, parent)

    def _announce(self, session: ProcessingSession) -> None:
        if self.wants_json:
            self.emit("session", session_of(session))
        else:
            self.say(
                f"Session {session.pk} waits for the workers of `manage.py serve` or `manage.py workers`."
            )


def _columns(options: dict[str, Any]) -> dict[str, Any]:
    """Check everything that was asked for, before anything is created."""
    recursive = not options["no_recursive"]
    try:
        path = source_with_photos(options["source"], recursive=recursive)
        wish = Wish(
            source=path,
            name=options["name"],
            recursive=recursive,
            preset=options["preset"],
            batch_size=options["batch_size"],
            checkpoint_interval=options["checkpoint_interval"],
            owner=owner_named(options["owner"]),
        )
        columns = wish.columns()
    except (SourceRefused, NoPhotos, Unknown) as error:
        raise NotFound(str(error)) from error
    if not options["new"]:
        _refuse_second(path)
    return columns


def _refuse_second(path: bytes) -> None:
    unfinished = unfinished_of(path)
    if unfinished is not None:
        raise Held(
            f"Session {unfinished.pk} of this source is {unfinished.status.value}.",
            hint=f"`manage.py {_way_on(unfinished)}; --new begins another one.",
            session=unfinished.pk,
        )


def _way_on(session: ProcessingSession) -> str:
    """Name the command that an unfinished session needs."""
    if session.status in (Status.INTERRUPTED, Status.FAILED):
        return f"recover {session.pk} --yes --wait` goes on"
    if session.is_attended() and session.status != Status.PAUSED:
        return f"session {session.pk} --watch` shows how it goes on"
    return f"resume {session.pk} --wait` goes on"
