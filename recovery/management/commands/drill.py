"""`drill`: kill real sessions at random in a throwaway database, and show what was lost: nothing."""

import secrets
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection

from config.databases import POSTGRESQL_OPTIONS
from processing.management.arguments import positive_count
from processing.management.base import StockproofCommand
from processing.management.commands.demo import draw
from processing.management.drilling import Drill, Range
from processing.management.failures import IntegrityFailed

KILLS_DEFAULT = 20
WORKERS = 2


class Command(StockproofCommand):
    help = (
        "Run sessions over sample photos in a throwaway database and state folder, kill their processes at random, "
        "recover, and compare every verdict with an undisturbed run. Ends with 6 if anything was lost."
    )
    example = "drill --minutes 10"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--minutes", type=positive_count, metavar="M", help="End after this time.")
        parser.add_argument(
            "--kills",
            type=positive_count,
            metavar="N",
            help=f"End after so many kills; default: {KILLS_DEFAULT}.",
        )
        parser.add_argument(
            "--seed", type=int, metavar="S", help="Decides what is done; default: another each time."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        seed = secrets.randbelow(1_000_000) if options["seed"] is None else options["seed"]
        with (
            tempfile.TemporaryDirectory(prefix="stockproof-drill-") as folder,
            throwaway_database(folder) as url,
        ):
            place = Range(Path(folder), url)
            self.note(f"Drawing sample photos; the seed is {seed}.")
            draw(place.photos)
            drill = Drill(place, seed=seed, workers=WORKERS)
            self.note("Judging them once undisturbed.")
            place.migrate()
            drill.rehearse()
            self._rage(drill, options)
        self._tell(drill, seed)

    def _rage(self, drill: Drill, options: dict[str, Any]) -> None:
        minutes, kills = options["minutes"], options["kills"]
        if minutes is None and kills is None:
            kills = KILLS_DEFAULT
        begun = time.monotonic()
        while True:
            drill.run_session()
            done = drill.tally.published()
            self.note(f"{done['kills']} kills in {done['sessions']} sessions: {done['lost']} lost.")
            if kills is not None and done["kills"] >= kills:
                return
            if minutes is not None and time.monotonic() - begun >= 60 * minutes:
                return

    def _tell(self, drill: Drill, seed: int) -> None:
        done = drill.tally.published() | {"seed": seed}
        if self.wants_json:
            self.emit("drill", done)
        else:
            rows = [(name, count) for name, count in sorted(drill.tally.deeds.items())]
            names = ("sessions", "photos", "lost", "doubled", "different", "crashes", "told", "brier", "seed")
            self.show_table(("WHAT", "COUNT"), rows + [(name, done[name]) for name in names])
        if not drill.tally.holds:
            raise IntegrityFailed("The drill has found a fault.", hint=f"Run it again with --seed {seed}.")


@contextmanager
def throwaway_database(folder: str) -> Iterator[str]:
    """Give the address of a database of the configured kind that is gone afterwards."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder}/drill.sqlite3"
        return
    name = f"stockproof_drill_{secrets.token_hex(6)}"
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted}")
    try:
        yield url_beside(connection.settings_dict, name)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quoted} WITH (FORCE)")


def url_beside(settings: Mapping[str, Any], name: str) -> str:
    """Give the address of another database on the PostgreSQL of these settings, with the options of their URL.

    The host may be a folder or have colons in it, which a URL holds in its query only.
    """
    user, password = (quote(str(settings[key]), safe="") for key in ("USER", "PASSWORD"))
    server = {key.lower(): settings[key] for key in ("HOST", "PORT") if settings[key]}
    options = {
        key: value for key, value in settings["OPTIONS"].items() if POSTGRESQL_OPTIONS.get(key) != value
    }
    return f"postgres://{user}:{password}@/{name}?{urlencode(options | server)}"
