"""`recover ID` or `--all-safe`: carry a way back out."""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from processing.management.arguments import add_workers
from processing.management.attendance import attend, new_parent
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import WrongUsage
from processing.management.recoveries import (
    checkpoint_named,
    option_lines,
    tell_recoveries,
)
from processing.models import ProcessingSession
from processing.parent import Parent
from recovery.automatic import recover_safe
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.plans import Option, RecoveryOption, prepare_recovery_options
from recovery.published import recovery_of
from recovery.resume import Recovered, execute_recovery, recovered_by


class Command(StockproofCommand):
    help = (
        "Carry a recovery out: `continue` keeps every verdict, `restart_batch` analyzes the photos of open batches "
        "again, `fresh_start` all of them. Every recovery can be undone with rollback_recovery."
    )
    example = "recover latest --yes --wait"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "session", metavar="ID", nargs="?", help="Its id, a unique prefix of it, or latest."
        )
        parser.add_argument(
            "--all-safe", action="store_true", help="Continue every interrupted session that is surely safe."
        )
        parser.add_argument(
            "--option",
            choices=[option.value for option in RecoveryOption],
            default=RecoveryOption.CONTINUE.value,
            help="What to do; default: %(default)s.",
        )
        parser.add_argument("--checkpoint", metavar="ID", help="Go back to this checkpoint and continue.")
        parser.add_argument("--dry-run", action="store_true", help="Say what it would do, and do nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")
        parser.add_argument(
            "--wait", action="store_true", help="Go on to the session's end, with own workers."
        )
        add_workers(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["session"]) == options["all_safe"]:
            raise WrongUsage("Name a session or give --all-safe, one of the two.")
        if options["all_safe"]:
            self._recover_all(options)
            return
        session = self.session_named(options["session"])
        checkpoint = None if options["checkpoint"] is None else checkpoint_named(options["checkpoint"])
        if checkpoint is not None and options["option"] != RecoveryOption.CONTINUE:
            raise WrongUsage("--checkpoint goes with the option `continue` only.")
        if options["dry_run"]:
            self._show(session, options["option"], checkpoint)
            return
        self._recover(session, checkpoint, options)

    def _recover(
        self, session: ProcessingSession, checkpoint: Checkpoint | None, options: dict[str, Any]
    ) -> None:
        verb = options["option"].replace("_", " ").capitalize()
        self.confirm(
            f"{verb}: session {session.pk} ({session.name}, {session.status.value})?", yes=options["yes"]
        )
        parent = new_parent(options["workers"]) if options["wait"] else None
        act = partial(
            execute_recovery,
            session,
            options["option"],
            user_confirmed=True,
            by=acting_person(),
            checkpoint=checkpoint,
        )
        recovered = act() if parent is None else _begun(parent, session, act)
        if self.wants_json:
            self.emit("recovery", recovery_of(session, recovered))
        else:
            self.say(recovered.message)
        if parent is not None:
            attend(self, session, parent)

    def _show(self, session: ProcessingSession, name: str, checkpoint: Checkpoint | None) -> None:
        for option in prepare_recovery_options(session, checkpoint):
            if option.option == name:
                self._tell(option)

    def _tell(self, option: Option) -> None:
        if self.wants_json:
            self.emit("option", option.published())
        else:
            for line in option_lines(option):
                self.say(line)

    def _recover_all(self, options: dict[str, Any]) -> None:
        if options["wait"] or options["checkpoint"] or options["option"] != RecoveryOption.CONTINUE:
            raise WrongUsage(
                "--all-safe continues sessions for the workers of `serve` or `workers`; it takes no other option."
            )
        self.confirm("Continue every interrupted session that is surely safe?", yes=options["yes"])
        tell_recoveries(self, recover_safe(by=acting_person()))


def _begun(parent: Parent, session: ProcessingSession, act: Callable[..., Recovered]) -> Recovered:
    """Carry a recovery out under a parent; when its answer is lost, its row tells what it did."""
    number = session.attempt + 1
    done: list[Recovered] = []
    parent.begin(lambda: done.append(act(register=parent.register)))
    if done:
        return done[0]
    return recovered_by(parent.insist(lambda: RecoveryAttempt.objects.get(session=session, number=number)))
