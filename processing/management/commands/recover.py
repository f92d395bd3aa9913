"""`recover ID`: set an interrupted, failed, paused or waiting session going again."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from processing.management.arguments import add_session, add_workers
from processing.management.attendance import attend, new_parent
from processing.management.base import StockproofCommand, acting_person
from processing.models import ProcessingSession
from recovery.resume import CONTINUE, Recovered, execute_continue


class Command(StockproofCommand):
    help = "Carry a recovery out. `continue` keeps every verdict and analyzes the photos that have none."
    example = "recover latest --yes --wait"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "--option", choices=[CONTINUE], default=CONTINUE, help="What to do; default: %(default)s."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")
        parser.add_argument(
            "--wait", action="store_true", help="Go on to the session's end, with own workers."
        )
        add_workers(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        session = self.session_named(options["session"])
        self.confirm(
            f"Continue session {session.pk} ({session.name}, {session.status.value})?", yes=options["yes"]
        )
        parent = new_parent(options["workers"]) if options["wait"] else None
        register = None if parent is None else parent.register
        recovered = execute_continue(session, by=acting_person(), register=register)
        self._say_recovered(session, recovered)
        if parent is not None:
            attend(self, session, parent)

    def _say_recovered(self, session: ProcessingSession, recovered: Recovered) -> None:
        if self.wants_json:
            self.emit("recovery", published(session, recovered))
        else:
            self.say(recovered.message)


def published(session: ProcessingSession, recovered: Recovered) -> dict[str, Any]:
    """Give the published recovery."""
    facts = asdict(recovered)
    return {
        "session": str(session.pk),
        "attempt": facts["attempt"],
        "option": facts["option"],
        "success": True,
        "message": facts["message"],
        "start_index": facts["start_index"],
        "keep": facts["keep"],
        "redo": facts["redo"],
        "left": facts["left"],
    }
