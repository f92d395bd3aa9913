"""`serve`: the pages and the workers under one parent."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings

from config.checks import weak_settings
from processing.children import arguments_of, environment_of
from processing.disks import DiskWatch
from processing.management.arguments import add_workers
from processing.management.attendance import new_parent
from processing.management.base import StockproofCommand
from processing.management.commands.workers import end_served, log_each_batch
from processing.management.failures import Misconfigured
from processing.management.first_user import FIRST_USERNAME, make_first_user
from processing.parent import Child
from recovery.automatic import Rescuer

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT_MAX = 65_535
DEFAULT_BIND = ("127.0.0.1", 8000)


def bind_address(text: str) -> tuple[str, int]:
    """Read HOST:PORT, or a port alone."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) <= PORT_MAX:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


class Command(StockproofCommand):
    help = "Serve the pages and work for all sessions until SIGTERM or Ctrl-C."
    example = "serve --bind 127.0.0.1:8000"
    migrates_own_sqlite = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--bind",
            type=bind_address,
            default=DEFAULT_BIND,
            metavar="HOST:PORT",
            help="Where the pages are; default: 127.0.0.1:8000.",
        )
        parser.add_argument(
            "--unattended",
            action="store_true",
            help="Nobody watches: go on with interrupted sessions where that is surely safe (AUTO_RECOVER=safe).",
        )
        add_workers(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        host, port = options["bind"]
        served = "loopback" if host in LOOPBACK else "public"
        if served == "public":
            _refuse_open_doors()
        log_each_batch()
        self._tell_address(host, port)
        parent = new_parent(options["workers"])
        parent.begin(parent.register)
        arguments = arguments_of("config.web", host, str(port), str(os.getpid()))
        parent.add_child(Child(arguments, environment_of() | {"STOCKPROOF_SERVED": served}))
        policy = _policy(unattended=options["unattended"])
        if policy != "off":
            parent.add_chore(Rescuer(policy))
        parent.add_chore(DiskWatch())
        parent.run(is_over=lambda: False)
        end_served(parent)

    def _tell_address(self, host: str, port: int) -> None:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        password = make_first_user()
        if self.wants_json:
            user = None if password is None else FIRST_USERNAME
            self.emit("serving", {"address": address, "user": user, "password": password})
            return
        self.say(f"Stockproof is at {address}")
        if password is not None:
            self.say(f"Sign in as {FIRST_USERNAME} with the one-time password {password}")


def _policy(*, unattended: bool) -> str:
    """Say what goes on by itself: what AUTO_RECOVER says, else nothing while somebody watches."""
    return settings.AUTO_RECOVER if settings.AUTO_RECOVER_IS_GIVEN or not unattended else "safe"


def _refuse_open_doors() -> None:
    """Beyond this machine, keys must be the operator's own and the folders that sessions may read named."""
    needs = {
        "SECRET_KEY": (settings.SECRET_KEY_IS_GIVEN, "a key of your own to sign with"),
        "STOCKPROOF_CHECKPOINT_KEYS": (
            settings.STOCKPROOF_CHECKPOINT_KEYS_ARE_GIVEN,
            "keys of your own for checkpoints",
        ),
        "STOCKPROOF_SOURCE_ROOTS": (
            bool(settings.STOCKPROOF_SOURCE_ROOTS),
            "the folders that sessions may read",
        ),
    }
    for name, (is_given, what) in needs.items():
        if not is_given:
            raise Misconfigured(f"Serving beyond this machine needs {what}.", hint=f"Set {name}.")
    for wrong, hint in weak_settings():
        raise Misconfigured(f"Serving beyond this machine is refused: {wrong}.", hint=hint)
