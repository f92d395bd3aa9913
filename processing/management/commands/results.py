"""`results`: every photo's verdict with its reasons, in order of position."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session, plain_text
from processing.management.base import StockproofCommand
from processing.management.sheets import csv_lines
from processing.published import images_of
from processing.states import Verdict

COLUMNS = (
    "position",
    "path",
    "sha256",
    "bytes",
    "width_px",
    "height_px",
    "verdict",
    "reasons",
    "measures",
    "similar_group",
    "override",
)


class Command(StockproofCommand):
    """Prints one line per photo."""

    help = "Print the verdicts of a session, one photo per line, in order of position."
    example = "results latest --verdict rejected --format csv > rejected.csv"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session, the filters and the format."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument("--verdict", choices=Verdict.values, default="", help="Only this verdict.")
        parser.add_argument(
            "--reason", type=plain_text, default="", metavar="CODE", help="Only photos with this reason."
        )
        parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="Default: jsonl.")

    def handle(self, *, verdict: str, reason: str, **options: Any) -> None:
        """Stream the photos."""
        images = images_of(self.session_named(options["session"]), verdict, reason)
        if options["format"] == "jsonl":
            for image in images:
                self.emit("image", image)
            return
        for line in csv_lines(COLUMNS, images):
            self.write_raw(line)
