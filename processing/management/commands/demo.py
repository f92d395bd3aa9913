"""`demo`: sample photos, a worker killed on the way, and the proof that nothing was lost."""

import os
import signal
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command

from processing import recorder
from processing.creation import Wish
from processing.management.attendance import Display, new_parent, summary_of
from processing.management.base import StockproofCommand
from processing.management.commands.serve import DEFAULT_BIND, bind_address
from processing.management.failures import IntegrityFailed
from processing.models import ImageResult, ProcessingSession, Worker
from processing.proof import prove
from processing.published import image_of
from processing.sources import check_source
from processing.states import Status
from recovery.models import Crash

if TYPE_CHECKING:
    from processing.analysis.samples import Expected

PHOTOS_COUNT = 60
WORKERS_MIN = 2


class Command(StockproofCommand):
    help = "Draw sample photos, judge them, kill a worker half way, and prove that nothing was lost."
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
        begun = time.monotonic()
        folder = Path(settings.STOCKPROOF_VAR) / "demo"
        self.note(f"Drawing {PHOTOS_COUNT} sample photos of 12 megapixels in {folder} …")
        expected = draw(folder)
        session = self._run(folder, begun)
        self._prove(session, expected)
        if not options["no_serve"]:
            call_command("serve", bind=options["bind"], json=self.wants_json)

    def _run(self, folder: Path, begun: float) -> ProcessingSession:
        """Judge the photos with two workers, one of which is killed on the way."""
        parent = new_parent(max(WORKERS_MIN, settings.STOCKPROOF_WORKERS))
        path = check_source(str(folder), ())
        session = ProcessingSession.start(register=parent.register, **Wish(path, name="Demo").columns())
        display, drama = Display(self), Drama(self, session)

        def is_over() -> bool:
            session.refresh_from_db()
            display.show(session)
            drama.go_on()
            return session.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

        try:
            parent.run(is_over=is_over)
        finally:
            display.close()
        session.refresh_from_db()
        if session.status != Status.COMPLETED:
            sys.exit(128 + parent.last_signal if parent.signal_count else 1)
        drama.require()
        if self.wants_json:
            self.emit("summary", summary_of(session, time.monotonic() - begun))
        return session

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


class Drama:
    """The kill: once half of the photos are judged, a worker in the middle of a chunk gets SIGKILL."""

    def __init__(self, command: StockproofCommand, session: ProcessingSession) -> None:
        self._command, self._session = command, session
        self._killed_s: float | None = None
        self._is_told = False

    def go_on(self) -> None:
        """Kill when it is time; then tell how it was taken over."""
        if self._killed_s is None:
            self._kill()
        elif not self._is_told:
            self._tell()

    def require(self) -> None:
        """Refuse to call it a proof when nobody was killed: then nothing was taken over."""
        if self._killed_s is None:
            raise IntegrityFailed(
                "No worker was met in the middle of a chunk, so none was killed and nothing is proven.",
                hint="Run it again; on a very fast machine more photos would be needed.",
                session=self._session.pk,
            )

    def _kill(self) -> None:
        if self._session.total is None or self._session.counts()["processed"] * 2 < self._session.total:
            return
        for worker in Worker.objects.living().laborers().filter(lane_session=self._session).order_by("pk"):
            flight = recorder.read_flight(worker.token)
            filling = len(flight.uncommitted) % self._session.checkpoint_interval
            if flight.positions and 0 < filling < self._session.checkpoint_interval - 1:
                os.kill(worker.pid, signal.SIGKILL)
                self._killed_s = time.monotonic()
                self._command.note(
                    f"Killed worker {worker.pid} with SIGKILL at {flight.photo}, "
                    f"{len(flight.uncommitted)} verdicts not saved yet."
                )
                return

    def _tell(self) -> None:
        crash = Crash.objects.filter(session=self._session).order_by("-detected_at").first()
        if crash is not None and self._killed_s is not None:
            self._is_told = True
            self._command.note(
                f"Its work was taken over {time.monotonic() - self._killed_s:.1f} s later; "
                f"{crash.discarded_count} photos are analyzed again."
            )


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
