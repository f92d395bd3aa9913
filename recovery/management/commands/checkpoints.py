"""`checkpoints`: the checkpoints of a session, the newest first."""

from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session, positive_count
from processing.management.base import StockproofCommand
from recovery.published import checkpoints_of

COLUMNS = ("CHECKPOINT", "TYPE", "PROCESSED", "BATCH", "POSITION", "BYTES", "INTACT", "PINNED", "CREATED")
SHOWN = (
    "checkpoint",
    "checkpoint_type",
    "processed_count",
    "current_batch",
    "current_image_index",
    "bytes",
)


class Command(StockproofCommand):
    """Prints one line per checkpoint."""

    help = "List a session's checkpoints, the newest first."
    example = "checkpoints latest --limit 5"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session and the limit."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument("--limit", type=positive_count, metavar="N", help="At most this many.")

    def handle(self, *, limit: int | None, **options: Any) -> None:
        """Print the list."""
        found = checkpoints_of(self.session_named(options["session"]), limit)
        if self.wants_json:
            for published in found:
                self.emit("checkpoint", published)
            return
        rows = [_row(published) for published in found]
        if rows:
            self.show_table(COLUMNS, rows)
        else:
            self.note("There is no checkpoint yet.")


def _row(published: dict[str, Any]) -> list[object]:
    marks = ["yes" if published[name] else "no" for name in ("intact", "pinned")]
    return [*(published[name] for name in SHOWN), *marks, published["created_at"]]
