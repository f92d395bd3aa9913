"""`session`: one session, now or for as long as it lives, or what its scan left out."""

import time
from argparse import ArgumentParser
from typing import Any

from processing.management.arguments import add_session
from processing.management.base import StockproofCommand
from processing.management.lines import status_text, whole_session
from processing.models import ProcessingSession
from processing.published import skipped_of
from recovery.detection import look

WATCH_S = 1.0
DETAILS = ("session", "name", "source", "preset", "created_at", "skipped")
WORKER_COLUMNS = ("WORKER", "HOST", "PID", "DEVICE", "LAST BEAT", "PHOTO")


class Command(StockproofCommand):
    """Prints one session."""

    help = "Show one session: status, counts, rate, time left, workers, last crash."
    example = "session latest --watch"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the session and what to show of it."""
        super().add_arguments(parser)
        add_session(parser)
        shown = parser.add_mutually_exclusive_group()
        shown.add_argument("--watch", action="store_true", help="Print once a second until it is finished.")
        shown.add_argument("--skipped", action="store_true", help="List what the scan left out, and why.")

    def handle(self, *, watch: bool, skipped: bool, **options: Any) -> None:
        """Print it."""
        session = self.session_named(options["session"])
        if skipped:
            self._list_skipped(session)
        elif watch:
            self._watch(session)
        elif self.wants_json:
            self.emit("session", whole_session(session))
        else:
            self._show(whole_session(session))

    def _list_skipped(self, session: ProcessingSession) -> None:
        for entry in skipped_of(session):
            if self.wants_json:
                self.emit("skipped", entry)
            else:
                self.say(f"{entry['reason']:<18} {entry['path']}")

    def _watch(self, session: ProcessingSession) -> None:
        before = ""
        while True:
            published = whole_session(session)
            if self.wants_json:
                self.emit("session", published)
            elif status_text(published) != before:
                before = status_text(published)
                self.say(before)
            if session.is_finished:
                return
            time.sleep(WATCH_S)
            look()
            session = self.session_named(str(session.pk))

    def _show(self, published: dict[str, Any]) -> None:
        self.say(status_text(published))
        for name in DETAILS:
            self.say(f"{name.replace('_', ' ') + ':':<12} {published[name]}")
        if published["last_crash"]:
            crash = published["last_crash"]
            self.say(
                f"last crash:  {crash['detected_at']} {crash['crash_type']}. {' '.join(crash['evidence'])}"
            )
        if published["workers"]:
            self.show_table(WORKER_COLUMNS, [_worker_row(worker) for worker in published["workers"]])


def _worker_row(worker: dict[str, Any]) -> list[object]:
    age = f"{worker['heartbeat_age_s']} s ago"
    return [worker["worker"], worker["host"], worker["pid"], worker["device"], age, worker["photo"]]
