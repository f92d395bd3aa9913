"""Working until the power fails: the file system stops at once, without writing what it had not written yet.

The call is EXT4_IOC_SHUTDOWN without a flush of the log; what the disk had been told before stays, nothing else does.
"""

import fcntl
import json
import os
import random
import signal
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, connection

from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import Status
from recovery import detection, integrity
from recovery.findings import Code
from tests.crash.points.acts import begin, newest, recover, work
from tests.crash.points.check import audit_problems, problems_of, text_of

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)
COMMIT_IN_THE_AIR_S = 0.03


class Acknowledgements:
    """What this process was told to be stored, each with its instant, in a file on another disk."""

    def __init__(self, path: str) -> None:
        """Append to this file."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.count, self.is_cut = 0, False
        self.has_come = threading.Condition()

    def watch(self) -> None:
        """Note every commit of photos once it has returned."""
        commit = Batch.commit

        def noted(batch: Batch, results: Any, *args: Any) -> None:
            commit(batch, results, *args)
            self.note(session=str(batch.session_id), positions=[row.position for row in results])

        Batch.commit = noted

    def note(self, **facts: Any) -> None:
        """Write one line with the instant, by the one clock of all processes."""
        os.write(self._descriptor, (json.dumps({"at": time.monotonic(), **facts}) + "\n").encode())
        with self.has_come:
            self.count += 1
            self.has_come.notify_all()


def work_until_the_power_fails(mount: str, source: str, acknowledged: str, goal: int) -> None:
    """Work on the newest session, or a new one, until so many commits were acknowledged; then the power fails."""
    acks = Acknowledgements(acknowledged)
    acks.watch()
    threading.Thread(target=_fail, args=(mount, acks, goal), daemon=True).start()
    session = ProcessingSession.objects.newest_first().first()
    if session is None or session.status == Status.COMPLETED:
        begin(source)
    try:
        work()
    except (DatabaseError, OSError):
        # What a process reads or writes while the disk goes away is anything; it is gone with the next line.
        if not acks.is_cut:
            raise
        threading.Event().wait()
    cut(mount, acks)


def _fail(mount: str, acks: Acknowledgements, goal: int) -> None:
    """Wait for the goal and a moment more, so that the next commit is on its way."""
    with acks.has_come:
        acks.has_come.wait_for(lambda: acks.count >= goal)
    time.sleep(random.random() * COMMIT_IN_THE_AIR_S)
    cut(mount, acks)


def cut(mount: str, acks: Acknowledgements) -> None:
    """Stop the file system and this process. Commits may be acknowledged during the call; those do not count."""
    descriptor = os.open(mount, os.O_RDONLY)
    acks.is_cut = True
    acks.note(cut=True)
    fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH)
    os.kill(os.getpid(), signal.SIGKILL)


def come_back(acknowledged: list[list[Any]]) -> list[str]:
    """After the power is back: look, find every acknowledged verdict, and go on; give all that is wrong.

    The recorders of the dead may be lost, and then only their silence tells.
    """
    detection.look_closely(silence_s=0.0)
    session = newest()
    stored = {
        (str(pk), position)
        for pk, position in ImageResult.objects.live().order_by("pk").values_list("session", "position")
    }
    lost = sorted({(session, position) for session, position in acknowledged} - stored)
    problems = [f"Acknowledged and lost: {one}" for one in lost] + damages()
    # Pictures are not synced, since they can be made again.
    told = [one.text for one in integrity.verify(session) if one.code != Code.MISSING_THUMBNAIL]
    problems += told + list(audit_problems())
    if session.status in (Status.INTERRUPTED, Status.PAUSED):
        recover("continue")
    return problems


def damages() -> list[str]:
    """Let SQLite look at every page of its file; PostgreSQL has looked at its own when it started."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        answers = [text for (text,) in cursor.execute("PRAGMA integrity_check").fetchall()]
    return [] if answers == ["ok"] else answers


def end_all() -> list[dict[str, Any]]:
    """Work the newest session to its end, and give what is wrong with each and its results."""
    session = newest()
    if session.status != Status.COMPLETED:
        work()
    sessions = ProcessingSession.objects.order_by("created_at", "pk")
    return [{"problems": problems_of(one), "text": text_of(one)} for one in sessions]


def migrate() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


ACTS: dict[str, Callable[..., Any]] = {
    "migrate": migrate,
    "work_until_the_power_fails": work_until_the_power_fails,
    "come_back": come_back,
    "end_all": end_all,
}
