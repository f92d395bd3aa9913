"""`delete_session ID`: remove a finished or cancelled session for good."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session
from processing.management.base import StockproofCommand, acting_person
from recovery.deletion import delete_session


class Command(StockproofCommand):
    """Deletes a session."""

    help = (
        "Delete a completed or cancelled session with its verdicts and checkpoints. Photos stay as they are."
    )
    example = "delete_session 3fa85f64 --yes"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session and the yes."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, **options: Any) -> None:
        """Ask, then delete; what cannot be deleted is refused without a question."""
        session = self.session_named(options["session"])
        if session.is_finished:
            photos = session.counts()["processed"]
            question = (
                f"Delete session {session.pk} ({session.name}) with {photos} verdicts? That cannot be undone."
            )
            self.confirm(question, yes=options["yes"])
        session_id = str(session.pk)
        deleted = delete_session(session, by=acting_person())
        if self.wants_json:
            self.emit("deletion", {"session": session_id, "results": deleted["imageresult"]})
        else:
            self.say(f"Session {session_id} is deleted, with {deleted['imageresult']} verdicts.")
