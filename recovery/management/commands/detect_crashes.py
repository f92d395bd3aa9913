"""`detect_crashes`: find who has died, judge why, write it down, and list every crash that is still open."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from processing.management.base import StockproofCommand
from processing.management.recoveries import tell_recoveries
from recovery.automatic import recover_safe
from recovery.detection import crash_of, detect_crashes_on_startup
from recovery.models import CrashType

COLUMNS = ("CRASH", "SESSION", "CAUSE", "SURE", "PHOTO", "DETECTED", "RECOVERABLE")
PAGE_CRASHES = 200
SILENCE_S_MAX = 86_400


class Command(StockproofCommand):
    """Prints one line per open crash."""

    help = "Find crashes, tell their causes, and list those that nobody has dealt with yet."
    example = "detect_crashes --timeout 60 --json"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add how long the others may be silent, and what to do then."""
        super().add_arguments(parser)
        parser.add_argument(
            "--timeout",
            type=_silence,
            metavar="S",
            help="Seconds after which a process of another machine that is silent counts as dead, three beats at "
            "least; default: CRASH_DETECTION_TIMEOUT_S. A death on this machine is seen at once.",
        )

        parser.add_argument(
            "--auto", action="store_true", help="Continue every interrupted session that is surely safe."
        )

    def handle(self, *, timeout: float | None, auto: bool, **_options: Any) -> None:
        """Look, print what is open, and recover what is safe."""
        crashes = detect_crashes_on_startup(timeout)
        published = [crash_of(crash) for crash in crashes.iterator(PAGE_CRASHES)]
        self._tell(published)
        if auto:
            tell_recoveries(self, recover_safe())

    def _tell(self, published: list[dict[str, Any]]) -> None:
        if self.wants_json:
            for crash in published:
                self.emit("crash", crash)
        elif published:
            self._show(published)
        else:
            self.note("There is no crash that nobody has dealt with.")

    def _show(self, published: list[dict[str, Any]]) -> None:
        self.show_table(COLUMNS, [_row(crash) for crash in published])
        for crash in published:
            self.say("")
            self.say(crash["crash"])
            for sentence in crash["evidence"]:
                self.say(f"  {sentence}")
            if crash["can_recover"]:
                self.say(f"  `manage.py recover {crash['session']}` lets the session go on.")


def _row(crash: dict[str, Any]) -> list[object]:
    cause = crash["crash_type"].replace("_", " ")
    sure = None if crash["crash_type"] == CrashType.UNKNOWN else f"{crash['confidence']:.0%}"
    recoverable = "yes" if crash["can_recover"] else "no"
    return [crash["crash"], crash["session"], cause, sure, crash["photo"], crash["detected_at"], recoverable]


def _silence(text: str) -> float:
    """Read seconds of silence."""
    try:
        silence_s = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds") from error
    if not 0 <= silence_s <= SILENCE_S_MAX:
        raise ArgumentTypeError(f"{text!r} is not between 0 and {SILENCE_S_MAX} seconds")
    return silence_s
