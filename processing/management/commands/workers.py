"""`workers`: a cluster on this or a further machine, for every session that has no parent of its own."""

import logging.config
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from config import logs
from processing.disks import DiskWatch
from processing.management.arguments import add_workers, plain_text
from processing.management.attendance import new_parent
from processing.management.base import StockproofCommand
from processing.management.failures import CommandFailed
from processing.parent import Parent
from processing.queue import SHARED_QUEUE


class Command(StockproofCommand):
    help = "Work for all sessions until SIGTERM or Ctrl-C; what is in hand is committed first."
    example = "workers --workers 8"
    migrates_own_sqlite = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--queue", type=plain_text, default=SHARED_QUEUE, help="The queue to take calls from."
        )
        add_workers(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        log_each_batch()
        parent = new_parent(options["workers"], options["queue"])
        parent.begin(parent.register)
        self.note(f"{options['workers']} workers are starting. Ctrl-C ends them.")
        parent.add_chore(DiskWatch())
        parent.run(is_over=lambda: False)
        end_served(parent)


def log_each_batch() -> None:
    """Log from INFO up, here and in child processes, unless LOG_LEVEL is given: nobody watches a service's progress."""
    if not settings.LOG_LEVEL_IS_GIVEN:
        os.environ["LOG_LEVEL"] = "info"
        logging.config.dictConfig(logs.configuration("INFO"))


def end_served(parent: Parent) -> None:
    """End as the signal says, or with a sentence when the workers could not be kept alive."""
    if parent.is_broken:
        raise CommandFailed(
            "The workers died again and again without progress; their sessions have failed.",
            hint="`manage.py sessions --status failed` lists them; `manage.py doctor` looks at this machine.",
        )
    sys.exit(0 if parent.signal_count == 1 else 128 + parent.last_signal)
