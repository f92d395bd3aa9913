"""`purge`: make room by removing what belongs to nothing any more."""

from argparse import ArgumentParser
from typing import Any

from processing import pictures
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import WrongUsage
from recovery.audit import Action, audited


class Command(StockproofCommand):
    """Removes pictures of sessions that are gone."""

    help = (
        "Remove thumbnails and crops of sessions that were deleted: a worker that was still at it may have left some. "
        "Verdicts, checkpoints and photos stay as they are. The state folder must be that of this database."
    )
    example = "purge --orphans --dry-run"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to remove, the rehearsal and the yes."""
        super().add_arguments(parser)
        parser.add_argument("--orphans", action="store_true", help="Pictures of sessions that are gone.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *, orphans: bool, dry_run: bool, yes: bool, **_options: Any) -> None:
        """Remove them."""
        if not orphans:
            raise WrongUsage("Say what to remove: --orphans.")
        found = pictures.orphans()
        if found and not dry_run:
            self.confirm(f"Remove the pictures of {len(found)} sessions that are gone?", yes=yes)
            for session_id in found:
                pictures.remove_session(session_id)
            details = {"orphans": [str(session_id) for session_id in found[:100]], "sessions": len(found)}
            with audited(Action.CLEANUP, actor=acting_person(), details=details):
                pass
        if self.wants_json:
            self.emit("purge", {"orphans": len(found), "dry_run": dry_run})
        else:
            verb = "would be" if dry_run else "were"
            self.say(f"Pictures of {len(found)} sessions that are gone {verb} removed.")
