"""`rollback_recovery ID`: undo a recovery and all that stand on it."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session, positive_count
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import Refused
from processing.models import ProcessingSession
from recovery.published import recovery_of
from recovery.undo import newest_attempt, preview_undo, rollback_recovery


class Command(StockproofCommand):
    help = "Undo a recovery and all that stand on it; the session is then as before it, and paused."
    example = "rollback_recovery latest --yes"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "--attempt", type=positive_count, metavar="N", help="Which recovery; default: the newest."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *_args: Any, **options: Any) -> None:
        session = self.session_named(options["session"])
        number = options["attempt"] or self._newest(session)
        moved = preview_undo(session, number)
        self.confirm(
            f"Undo recovery {number} of session {session.pk}? {moved['back']} verdicts come back, "
            f"{moved['aside']} made since are put aside; an undo cannot be undone.",
            yes=options["yes"],
        )
        undone = rollback_recovery(session, number, by=acting_person())
        if self.wants_json:
            self.emit("rollback", recovery_of(session, undone))
        else:
            self.say(undone.message)

    def _newest(self, session: ProcessingSession) -> int:
        attempt = newest_attempt(session)
        if attempt is None:
            raise Refused(f"Session {session.pk} has no recovery to undo.", session=session.pk)
        return attempt.number
