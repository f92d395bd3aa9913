"""`results`: every photo's verdict with its reasons, in order of position."""

import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from io import StringIO
from typing import Any

from processing.management.arguments import add_session, plain_text
from processing.management.base import StockproofCommand
from processing.management.tables import printable
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
# A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection).
# Tabs and line ends, which also count, are spelled out.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


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
        for line in csv_lines(images):
            self.write_raw(line)


def csv_lines(images: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Give the header and one record per image; lists and objects are JSON in their cell."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image in images:
        yield _drain(buffer)
        writer.writerow([_cell(image[column]) for column in COLUMNS])
    yield _drain(buffer)


def _drain(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(FORMULA_STARTS) else shown
