"""The demo's drama: a run of its own process tree, every process of which gets SIGKILL in the middle of a chunk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

from django.conf import settings

from processing import recorder
from processing.management.base import StockproofCommand
from processing.management.failures import CommandFailed, IntegrityFailed
from processing.models import ProcessingSession, Worker
from processing.states import Status
from recovery import detection

NAME = "Demo"
LOOK_S = 0.02
DEADLINE_S = 120.0


def interrupted_session(command: StockproofCommand, folder: Path, workers: int) -> ProcessingSession:
    """Start a run over the photos, kill all of it half way, and wait until the death is seen.

    Raises IntegrityFailed when no worker was met in the middle of a chunk: then nothing would be proven.
    """
    earlier = set(ProcessingSession.objects.values_list("pk", flat=True))
    arguments = ["process", str(folder), "--new", "--name", NAME, "--workers", str(workers), "--no-input"]
    run = subprocess.Popen(  # noqa: S603 -- our own interpreter and command
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments, "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        session = _begun(run, earlier)
        victim = _met_in_a_chunk(run, session)
    finally:
        killed = _kill_everything(run)
    command.note(
        f"Killed all {killed} processes with SIGKILL, at {victim.photo} and "
        f"{len(victim.uncommitted)} verdicts not saved yet."
    )
    return _seen_dead(session)


def _begun(run: "subprocess.Popen[bytes]", earlier: set[UUID]) -> ProcessingSession:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and run.poll() is None:
        session = ProcessingSession.objects.exclude(pk__in=earlier).filter(name=NAME).first()
        if session is not None:
            return session
        time.sleep(LOOK_S)
    raise CommandFailed(
        "The run of the demo did not begin.", hint="`manage.py doctor` looks at this machine."
    )


def _met_in_a_chunk(run: "subprocess.Popen[bytes]", session: ProcessingSession) -> recorder.Flight:
    """Wait until half of the photos are judged and a worker has verdicts that are not saved yet."""
    while run.poll() is None:
        session.refresh_from_db()
        if session.total and session.counts()["processed"] * 2 >= session.total:
            for worker in Worker.objects.living().filter(lane_session=session).order_by("pk"):
                flight = recorder.read_flight(worker.token)
                if flight.positions and len(flight.uncommitted) % session.checkpoint_interval > 0:
                    return flight
        time.sleep(LOOK_S)
    raise IntegrityFailed(
        "No worker was met in the middle of a chunk, so nothing was killed and nothing is proven.",
        hint="Run it again; on a very fast machine more photos would be needed.",
        session=session.pk,
    )


def _kill_everything(run: "subprocess.Popen[bytes]") -> int:
    """Kill the parent and its workers; its cluster dies with it. Gives how many were killed."""
    pids = list(Worker.objects.living().laborers().filter(parent__pid=run.pid).values_list("pid", flat=True))
    for pid in (run.pid, *pids):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait()
    return 1 + len(pids)


def _seen_dead(session: ProcessingSession) -> ProcessingSession:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        detection.look()
        session.refresh_from_db()
        if session.status == Status.INTERRUPTED:
            return session
        time.sleep(LOOK_S)
    raise IntegrityFailed(f"Nobody saw that session {session.pk} was interrupted.", session=session.pk)
