"""`demo`: sample photos, everything killed on the way, the recovery, and the proof that nothing was lost."""

import logging.config
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command

from config import logs
from processing.management.attendance import follow, new_parent, summary_of
from processing.management.base import StockproofCommand, acting_person
from processing.management.commands.serve import DEFAULT_BIND, bind_address
from processing.management.drama import interrupted_session
from processing.management.failures import IntegrityFailed
from processing.management.recoveries import option_lines
from processing.models import ImageResult, ProcessingSession
from processing.proof import prove
from processing.published import image_of
from processing.states import Status
from recovery.detection import crash_of, last_crash_of
from recovery.happened import cause_of, certainty_of
from recovery.plans import RecoveryOption, prepare_recovery_options
from recovery.published import recovery_of
from recovery.resume import execute_recovery

if TYPE_CHECKING:
    from processing.analysis.samples import Expected

PHOTOS_COUNT = 60
WORKERS_MIN = 2


class Command(StockproofCommand):
    help = (
        "Draw sample photos, judge them, kill everything half way, recover, and prove that nothing was lost."
    )
    example = "demo --no-serve"
    migrates_own_sqlite = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-serve", action="store_true", help="End after the proof.")
        parser.add_argument(
            "--bind",
            type=bind_address,
            default=DEFAULT_BIND,
            metavar="HOST:PORT",
            help="For the pages afterwards.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.LOG_LEVEL_IS_GIVEN:
            # What is killed here on purpose is told in sentences, not in log lines between them.
            logging.config.dictConfig(logs.configuration("ERROR"))
        begun = time.monotonic()
        folder = Path(settings.STOCKPROOF_VAR) / "demo"
        self.note(f"Drawing {PHOTOS_COUNT} sample photos of 12 megapixels in {folder} …")
        expected = draw(folder)
        session = self._run(folder, begun)
        self._prove(session, expected)
        if not options["no_serve"]:
            call_command("serve", bind=options["bind"], json=self.wants_json)

    def _run(self, folder: Path, begun: float) -> ProcessingSession:
        """Judge the photos; half way everything is killed, and a recovery goes on from there."""
        workers = max(WORKERS_MIN, settings.STOCKPROOF_WORKERS)
        session = interrupted_session(self, folder, workers)
        self._tell_crash(session)
        self._tell_options(session)
        parent = new_parent(workers)
        recovered = execute_recovery(
            session, RecoveryOption.CONTINUE, by=acting_person(), register=parent.register
        )
        if self.wants_json:
            self.emit("recovery", recovery_of(session, recovered))
        self.note(recovered.message)
        follow(self, session, parent)
        if session.status != Status.COMPLETED:
            sys.exit(128 + parent.last_signal if parent.signal_count else 1)
        if self.wants_json:
            self.emit("summary", summary_of(session, time.monotonic() - begun))
        return session

    def _tell_crash(self, session: ProcessingSession) -> None:
        crash = last_crash_of(session)
        if crash is None:
            raise IntegrityFailed("The session is interrupted without a Crash.", session=session.pk)
        found = crash_of(crash)
        if self.wants_json:
            self.emit("crash", found)
        sure = certainty_of(crash)
        cause = f"{cause_of(crash)} ({sure})" if sure else cause_of(crash)
        self.note(
            f"The run was interrupted. {cause}. {' '.join(found['evidence'])} "
            f"{crash.discarded_count} verdicts were not saved yet."
        )

    def _tell_options(self, session: ProcessingSession) -> None:
        for option in prepare_recovery_options(session):
            if self.wants_json:
                self.emit("option", option.published())
            for line in option_lines(option):
                self.note(line)

    def _prove(self, session: ProcessingSession, expected: "list[Expected]") -> None:
        """Show the proof; end with 6 when it does not hold."""
        proof = prove(session)
        different = differences(session, expected)
        if self.wants_json:
            published = asdict(proof) | {"different": len(different), "holds": proof.holds and not different}
            self.emit("proof", {"session": str(session.pk)} | published)
        else:
            self.say(
                f"Proof: {proof.photos} photos, {proof.results} verdicts, {proof.missing} missing, {proof.doubled} "
                f"doubled, {len(different)} different from what is known beforehand."
            )
        for line in different:
            self.note(line)
        if not proof.holds or different:
            raise IntegrityFailed("The proof does not hold.", session=session.pk)


def draw(folder: Path) -> "list[Expected]":
    """Draw the sample photos with all cores; give what is known of each."""
    from processing.analysis import samples  # noqa: PLC0415 -- slow import, which only this command needs

    folder.mkdir(parents=True, exist_ok=True)
    return samples.draw_samples(folder, PHOTOS_COUNT)


def differences(session: ProcessingSession, expected: "list[Expected]") -> list[str]:
    """Say of each photo whose verdict or reasons are not those known beforehand what differs."""
    found = {}
    for row in ImageResult.objects.live().filter(session=session).in_order():
        image = image_of(row, session.preset)
        found[image["path"]] = (image["verdict"], [reason["code"] for reason in image["reasons"]])
    known = {one.name: (one.verdict, list(one.reasons)) for one in expected}
    return [
        f"{name}: expected {known.get(name)}, found {found.get(name)}"
        for name in sorted(known.keys() | found.keys())
        if known.get(name) != found.get(name)
    ]
