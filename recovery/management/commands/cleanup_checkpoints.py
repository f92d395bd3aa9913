"""`cleanup_checkpoints`: delete the checkpoints that nothing asks to keep."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings

from processing.management.arguments import positive_count
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import WrongUsage
from processing.models import ProcessingSession
from recovery import checkpoint_acts
from recovery.ledger import Ledger
from recovery.models import Checkpoint

SESSIONS_PER_READ = 500


class Command(StockproofCommand):
    """Cleans up one session or all."""

    help = (
        "Delete old checkpoints: kept are the newest image checkpoints, the newest of each other type, and the "
        "pinned ones. No verdict depends on those that go."
    )
    example = "cleanup_checkpoints --all --keep 5 --dry-run"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session, the number and the rehearsal."""
        super().add_arguments(parser)
        parser.add_argument(
            "session", metavar="ID", nargs="?", help="Its id, a unique prefix of it, or latest."
        )
        parser.add_argument("--all", action="store_true", help="Of all sessions.")
        parser.add_argument(
            "--keep",
            type=positive_count,
            default=settings.CHECKPOINT_KEEP_COUNT,
            metavar="N",
            help="Image checkpoints that stay, by session; default: %(default)s.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")

    def handle(self, *, session: str | None, keep: int, dry_run: bool, **options: Any) -> None:
        """Clean up."""
        if (session is None) != options["all"]:
            raise WrongUsage("Name one session, or say --all.")
        ids = self._all_sessions() if session is None else [self.session_named(session).pk]
        for session_id in ids:
            gone = _rehearse(session_id, keep) if dry_run else _clean_up(session_id, keep)
            self._tell(session_id, gone, is_rehearsal=dry_run)

    def _all_sessions(self) -> list[UUID]:
        ids = ProcessingSession.objects.newest_first().values_list("pk", flat=True)
        return list(ids.iterator(SESSIONS_PER_READ))

    def _tell(self, session_id: UUID, deleted: int, *, is_rehearsal: bool) -> None:
        if self.wants_json:
            facts = {"session": str(session_id), "deleted": deleted, "dry_run": is_rehearsal}
            self.emit("cleanup", facts)
        else:
            verb = "would be" if is_rehearsal else "were"
            self.say(f"Session {session_id}: {deleted} checkpoints {verb} deleted.")


def _rehearse(session_id: UUID, keep: int) -> int:
    session = ProcessingSession.objects.get(pk=session_id)
    return len(Checkpoint.objects.unneeded(Ledger(session), session_id, keep))


def _clean_up(session_id: UUID, keep: int) -> int:
    return checkpoint_acts.clean_up(session_id, keep, actor=acting_person())
