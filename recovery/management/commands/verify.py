"""`verify`: whether what is stored is what was written, and safe to go on with."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import IntegrityFailed, WrongUsage
from processing.models import ProcessingSession
from recovery.integrity import Tally, Verdict, verify
from recovery.published import finding_of, verification_of

SENTENCES = {
    Verdict.SAFE: "It is safe to go on.",
    Verdict.SAFE_AFTER_REPAIR: "It is safe to go on after a repair: `verify {session} --repair`.",
    Verdict.UNSAFE: "It is not safe to go on.",
}
REPAIRED = "It is safe to go on: {count} problems were repaired."


class Command(StockproofCommand):
    """Prints one line per problem, then one per session; ends with 6 unless all are safe."""

    help = "Check results, counters, checkpoints and source files of a session. Nothing is changed without --repair."
    example = "verify latest --repair"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the sessions and what to do about them."""
        super().add_arguments(parser)
        parser.add_argument(
            "session", metavar="ID", nargs="?", help="Its id, a unique prefix of it, or latest."
        )
        parser.add_argument("--all", action="store_true", help="Verify every session.")
        parser.add_argument("--repair", action="store_true", help="Mend what can be worked out again.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Verify the sessions named, one after the other."""
        if bool(options["session"]) == options["all"]:
            raise WrongUsage("Name a session or give --all, one of the two.")
        sessions = self._all() if options["all"] else [self.session_named(options["session"])]
        are_safe = [self._verify(session, repair=options["repair"]) for session in sessions]
        if not all(are_safe):
            sys.exit(IntegrityFailed.exit_code)

    def _all(self) -> list[ProcessingSession]:
        return list(ProcessingSession.objects.order_by("created_at", "pk"))

    def _verify(self, session: ProcessingSession, *, repair: bool) -> bool:
        with self._counting(session) as tally:
            for finding in verify(session, repair=repair, actor=acting_person(), tally=tally):
                self._tell("finding", finding_of(finding), finding.text)
        self._tell("verification", verification_of(session, tally), sentence_of(session, tally))
        return tally.is_safe_now

    def _tell(self, kind: str, published: dict[str, Any], text: str) -> None:
        if self.wants_json:
            self.emit(kind, published)
        else:
            self.say(text)

    @contextmanager
    def _counting(self, session: ProcessingSession) -> Iterator[Tally]:
        """Count what is looked at, on a terminal with a bar; it stands on stderr, so findings go on above it."""
        console = Console(stderr=True)
        tally = Tally()
        if not console.is_terminal or self.wants_json:
            yield tally
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            photos = bar.add_task(_("results"), total=session.found_count)
            files = bar.add_task(_("files"), total=session.found_count)
            tally.on_photos = lambda count: bar.advance(photos, count)
            tally.on_files = lambda count: bar.advance(files, count)
            yield tally


def sentence_of(session: ProcessingSession, tally: Tally) -> str:
    """Say for people how a session stands."""
    looked = f"Session {session.pk}: {tally.results} results and {tally.checkpoints} checkpoints looked at, "
    is_mended = tally.is_safe_now and tally.mended
    sentence = REPAIRED.format(count=tally.mended) if is_mended else SENTENCES[tally.verdict]
    return f"{looked}{tally.findings} problems found. {sentence.format(session=session.pk)}"
