"""`recovery_options ID`: what each way back keeps, makes anew and leaves, and how sure that is."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session
from processing.management.base import StockproofCommand
from processing.management.recoveries import option_lines
from recovery.plans import prepare_recovery_options


class Command(StockproofCommand):
    help = "Show the three ways back of a session; nothing is changed."
    example = "recovery_options latest"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        for option in prepare_recovery_options(self.session_named(options["session"])):
            if self.wants_json:
                self.emit("option", option.published())
            else:
                for line in option_lines(option):
                    self.say(line)
