"""Commands that take one step of one session and say so."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, ClassVar

from processing.management.arguments import add_session, plain_text
from processing.management.base import StockproofCommand, acting_person
from processing.management.lines import whole_session
from processing.models import ProcessingSession, Worker
from recovery.detection import look

WAIT_POLL_S = 0.2


class HoldCommand(StockproofCommand):
    """Does the act `hold`, which keeps the workers away, and can wait until they are away."""

    hold: ClassVar[Callable[..., None]]
    done: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session, the reason and the wait."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument("--wait", action="store_true", help="Return when no worker is at it any more.")
        parser.add_argument("--reason", type=plain_text, default="", help="Why, for the record.")

    def handle(self, *, wait: bool, reason: str, **options: Any) -> None:
        """Do the act."""
        session = self.session_named(options["session"])
        self.hold(session, actor=acting_person(), why=reason)
        if wait:
            self._wait_for_workers(session)
            session.refresh_from_db()
        tell_step(self, session, self.done)

    def _wait_for_workers(self, session: ProcessingSession) -> None:
        """Wait until no living worker is in a lane of the session; the dead are buried meanwhile."""
        lane = Worker.objects.living().laborers().filter(lane_session=session)
        if lane.exists():
            self.note("Waiting for the workers to finish their photos.")
        while lane.exists():
            time.sleep(WAIT_POLL_S)
            look()


def tell_step(command: StockproofCommand, session: ProcessingSession, done: str) -> None:
    """Say that a step was taken."""
    published = whole_session(session)
    if command.wants_json:
        command.emit("session", published)
    else:
        counts = f"{published['processed']} photos have a verdict"
        command.say(f"Session {session.pk} is {done}: {counts}.")
