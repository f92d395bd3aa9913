"""`resume`: lift a pause, and with `--wait` go on to the session's end."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session, add_workers
from processing.management.attendance import attend, new_parent
from processing.management.base import StockproofCommand, acting_person
from processing.management.stepping import tell_step
from processing.models import ProcessingSession
from processing.states import Status
from recovery import acts


class Command(StockproofCommand):
    """Lets a paused session go on."""

    help = "Lift a pause. With --wait, go on to the session's end with own workers, also if it only waits for some."
    example = "resume latest --wait"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "--wait", action="store_true", help="Go on to the session's end, with own workers."
        )
        add_workers(parser)

    def handle(self, *, wait: bool, workers: int, **options: Any) -> None:
        """Lift the pause."""
        session = self.session_named(options["session"])
        if wait:
            self._go_on(session, workers)
        acts.resume(session, actor=acting_person())
        tell_step(self, session, "resumed")

    def _go_on(self, session: ProcessingSession, workers: int) -> None:
        parent = new_parent(workers)
        act = acts.resume if session.status == Status.PAUSED else acts.take_up
        parent.begin(lambda: act(session, actor=acting_person(), register=parent.register))
        attend(self, session, parent)
