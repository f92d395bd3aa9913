"""`purge`: make room by removing what nothing needs any more."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from processing import pictures
from processing.management.arguments import duration
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import WrongUsage
from recovery import purging
from recovery.audit import Action, audited

OLDER_THAN = timedelta(days=30)


class Command(StockproofCommand):
    """Removes discarded verdicts, and pictures of sessions that are gone."""

    help = (
        "Remove what nothing needs any more. --superseded: verdicts that an undo has discarded; those that an undo may "
        "still bring back stay. --orphans: pictures of sessions that were deleted, which a worker that was still at it "
        "may have left; the state folder must be that of this database. Photos stay as they are."
    )
    example = "purge --superseded --older-than 30d --dry-run"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to remove, the rehearsal and the yes."""
        super().add_arguments(parser)
        parser.add_argument("--superseded", action="store_true", help="Verdicts that an undo has discarded.")
        parser.add_argument("--orphans", action="store_true", help="Pictures of sessions that are gone.")
        parser.add_argument(
            "--older-than",
            type=duration,
            metavar="AGE",
            help="Only what was undone so long ago, such as 30d or 12h; default: 30d.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *, superseded: bool, orphans: bool, **options: Any) -> None:
        """Remove them."""
        if not (superseded or orphans):
            raise WrongUsage("Say what to remove: --superseded, --orphans, or both.")
        if options["older_than"] and not superseded:
            raise WrongUsage("--older-than belongs to --superseded.")
        if superseded:
            self._purge_superseded(options["older_than"] or OLDER_THAN, options)
        if orphans:
            self._purge_orphans(options)

    def _purge_superseded(self, older_than: timedelta, options: dict[str, Any]) -> None:
        found = list(purging.purgeable(older_than))
        count = sum(one.count for one in found)
        if found and not options["dry_run"]:
            self.confirm(
                f"Delete {count} verdicts that undos have discarded? That cannot be undone.",
                yes=options["yes"],
            )
            count = sum(purging.purge(one.attempt, actor=acting_person()) for one in found)
        kept = purging.kept_for_undo_count()
        self._tell({"superseded": count, "kept_for_undo": kept}, options)
        if not self.wants_json:
            verb = "would be" if options["dry_run"] else "were"
            self.say(f"{count} discarded verdicts {verb} deleted; {kept} stay that an undo may bring back.")

    def _purge_orphans(self, options: dict[str, Any]) -> None:
        found = pictures.orphans()
        if found and not options["dry_run"]:
            self.confirm(f"Remove the pictures of {len(found)} sessions that are gone?", yes=options["yes"])
            for session_id in found:
                pictures.remove_session(session_id)
            details = {"orphans": [str(session_id) for session_id in found[:100]], "sessions": len(found)}
            with audited(Action.CLEANUP, actor=acting_person(), details=details):
                pass
        self._tell({"orphans": len(found)}, options)
        if not self.wants_json:
            verb = "would be" if options["dry_run"] else "were"
            self.say(f"Pictures of {len(found)} sessions that are gone {verb} removed.")

    def _tell(self, counts: dict[str, int], options: dict[str, Any]) -> None:
        if self.wants_json:
            self.emit("purge", {**counts, "dry_run": options["dry_run"]})
