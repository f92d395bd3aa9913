"""A great storm: everything is killed around one session, while two others run beside it and must not notice.

Workers, clusters, parents, the web server and PostgreSQL are killed; between the kills the session is recovered in
every way, and recoveries are undone. The bystanders have parents of their own, and share only the database.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from processing.models import ImageResult, ProcessingSession
from processing.states import Status
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_session_exact
from tests.crash.studio import SMALL_STEPS, Run, Studio, kill, parent_of, until

GROWTH_MAX = 12
BYSTANDERS_COUNT = 2
DEEDS = {"worker": 5, "cluster": 2, "parent": 3, "everything": 3, "stop": 2, "web": 2, "serve": 1}
SERVER_DEEDS = {"backend": 2, "server": 1}
OPTIONS = {"continue": 5, "restart_batch": 2, "fresh_start": 1}
UNDO_CHANCE = 0.25
WORKING = (Status.SCANNING, Status.RUNNING, Status.COMPARING)
DATABASE_ERRORS = (OperationalError, InterfaceError)
SERVER_WAIT_S = 0.1
# The machine may be busy with three sessions; without any progress for so long, something hangs.
STILL_MAX_S = 300.0


class GreatStorm:
    """Kills one session's world; whoever ends meanwhile is checked and begun again."""

    def __init__(self, studio: Studio, expected: str, *, seed: int, port: int) -> None:
        """The seed decides what is done, as far as processes let it."""
        self.studio, self.expected, self.port = studio, expected, port
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.acts: Counter[str] = Counter()
        self.sessions_count = self.bystanders_count = 0
        self._names = count(1)
        self._deeds = DEEDS | (SERVER_DEEDS if connection.vendor == "postgresql" else {})

    def rage(self, deeds_count: int) -> None:
        """Do so many deeds, then let all sessions end."""
        self._serve = self._start_serve()
        self._bystanders = [self._begin("bystander", workers=1) for _ in range(BYSTANDERS_COUNT)]
        self._name, self._run = self._begin("target", workers=2)
        while self.done.total() < deeds_count:
            self._wait_for_growth()
            self._do(self.random.choices(list(self._deeds), list(self._deeds.values()))[0])
            self._tend()
        self._end_all()

    def report(self) -> str:
        """Say what was done to how many sessions, and what came of it."""
        aside = ImageResult.objects.exclude(superseded_by=None).count()
        return (
            f"{self.done.total()} kills {dict(self.done)}; acts {dict(self.acts)}; {self.sessions_count} sessions in "
            f"the storm and {self.bystanders_count} beside it exact; {Crash.objects.count()} crashes; "
            f"{ImageResult.objects.live().count()} live verdicts, {aside} put aside"
        )

    def _start_serve(self) -> Run:
        return self.studio.start("serve", "--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--json")

    def _begin(self, kind: str, workers: int) -> tuple[str, Run]:
        name = f"{kind} {next(self._names)}"
        steps = ("--workers", str(workers), "--json", *SMALL_STEPS)
        return name, self.studio.start("process", str(self.studio.photos), "--new", "--name", name, *steps)

    def _wait_for_growth(self) -> None:
        """Wait until some more verdicts are stored, or the target's command has ended."""
        goal = self._stored() + self.random.randrange(GROWTH_MAX)
        try:
            until(lambda: self._run.process.poll() is not None or self._stored() >= goal, STILL_MAX_S)
        except TimeoutError as error:
            raise AssertionError(self._scene()) from error

    def _scene(self) -> str:
        """Say who is there and what the target's command has said: for a failing test's message."""
        session = ProcessingSession.objects.filter(name=self._name).first()
        status = session and (session.status, session.attempt, session.last_error)
        told = self._run.told()
        return f"{self.report()}\n{self._name} {status} {self._run.process.args}\n{self.studio.processes()}\n{told}"

    def _stored(self) -> int:
        return ask(lambda: ImageResult.objects.filter(session__name=self._name).count())

    def _do(self, deed: str) -> None:
        self.done[deed] += 1
        if deed in ("backend", "server"):
            crash_postgresql("client backend" if deed == "backend" else "background writer", self.random)
        elif deed == "stop":
            self._run.send(signal.SIGTERM)
            self._run.end()
        elif deed == "web":
            self._kill_one(self.studio.webs())
        else:
            self._kill_of_target(deed)

    def _kill_of_target(self, deed: str) -> None:
        below = tree_below(self._run.pid)
        if deed == "serve":
            kill(self._serve.pid)
            self._serve.end()
        elif deed == "worker":
            self._kill_one(below[1:] or below)
        elif deed == "cluster":
            self._kill_one(below[:1])
        else:
            for pid in (self._run.pid, *(below if deed == "everything" else ())):
                kill(pid)
            self._run.end()

    def _kill_one(self, pids: list[int]) -> None:
        if pids:
            kill(self.random.choice(pids))

    def _tend(self) -> None:
        """Begin again what has ended, and check what has ended well."""
        if self._serve.process.poll() is not None:
            self._serve = self._start_serve()
        ended = [one for one in self._bystanders if one[1].process.poll() is not None]
        for one in ended:
            self._check_bystander(*one)
            self._bystanders[self._bystanders.index(one)] = self._begin("bystander", workers=1)
        if self._run.process.poll() is not None:
            self._go_on()

    def _check_bystander(self, name: str, run: Run) -> None:
        """Assert that it ran to its end without an interruption, a recovery or any other trace of the storm.

        One that met a server that was coming back before it had begun has said so, and has begun nothing.
        """
        code, session = run.end(), ask(lambda: ProcessingSession.objects.filter(name=name).first())
        if session is None and _has_refused_to_begin(run):
            self.acts["not begun"] += 1
            return
        assert code == 0, run.told()
        ask(lambda: assert_session_exact(session, self.expected))
        interruptions = Crash.objects.filter(session=session, interrupts=True)
        assert ask(lambda: (session.attempt, interruptions.count())) == (0, 0)
        self.bystanders_count += 1

    def _go_on(self) -> None:
        """Do with the target what a person would: recover it in some way, undo that, or begin another."""
        session = ask(lambda: ProcessingSession.objects.filter(name=self._name).first())
        if session is None or session.status == Status.COMPLETED:
            self._check_target(session)
            self._name, self._run = self._begin("target", workers=2)
        elif session.status in (Status.INTERRUPTED, Status.PAUSED, Status.FAILED):
            self._recover(session)
        else:
            # The workers of `serve` are at it, or nobody has looked yet.
            self.acts["taken over"] += 1
            until(lambda: ask(lambda: self._status() not in WORKING), STILL_MAX_S)
            self._go_on()

    def _status(self) -> Status:
        return ProcessingSession.objects.get(name=self._name).status

    def _check_target(self, session: ProcessingSession | None) -> None:
        if session is not None:
            ask(lambda: assert_session_exact(session, self.expected))
            self.sessions_count += 1

    def _recover(self, session: ProcessingSession) -> None:
        in_force = ask(lambda: RecoveryAttempt.objects.filter(session=session, undone_at=None).exists())
        if in_force and self.random.random() < UNDO_CHANCE:
            self.acts["undo"] += 1
            self.studio.start("rollback_recovery", str(session.pk), "--yes").end()
        option = self.random.choices(list(OPTIONS), list(OPTIONS.values()))[0]
        self.acts[option] += 1
        self._run = self.studio.start(
            "recover", str(session.pk), "--option", option, "--yes", "--wait", "--workers", "2", "--json"
        )

    def _end_all(self) -> None:
        """Let everybody come to an end, undisturbed now."""
        for one in self._bystanders:
            self._check_bystander(*one)
        while not self._is_over():
            until(lambda: self._run.process.poll() is not None)
            if not self._is_over():
                self._go_on()
        self._check_target(ask(lambda: ProcessingSession.objects.get(name=self._name)))
        if self._serve.process.poll() is not None and _has_refused_to_begin(self._serve):
            self._serve = self._start_serve()
            until(lambda: self._serve.lines("serving"))
        self._serve.send(signal.SIGTERM)
        assert self._serve.end() == 0, self._serve.told()
        until(lambda: not self.studio.processes())

    def _is_over(self) -> bool:
        session = ask(lambda: ProcessingSession.objects.filter(name=self._name).first())
        return session is not None and session.status == Status.COMPLETED


def _has_refused_to_begin(run: Run) -> bool:
    """Whether a command has ended at its start because the database did not answer, and has told so."""
    told = [line["code"] for line in run.lines("error")]
    return connection.vendor == "postgresql" and (run.end(), told) == (75, ["database_unreachable"])


def ask(fact: Callable[[], Any]) -> Any:
    """Ask the database, again and again while the server comes back."""

    def answer() -> tuple[Any]:
        return (fact(),)

    while True:
        try:
            return until(answer)[0]
        except DATABASE_ERRORS:
            connection.close()
            time.sleep(SERVER_WAIT_S)


def tree_below(pid: int) -> list[int]:
    """Give the pids of a process's children and of theirs, the children first."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            parents.setdefault(parent_of(int(folder.name)), []).append(int(folder.name))
    below = sorted(parents.get(pid, []))
    return below + [deeper for one in below for deeper in sorted(parents.get(one, []))]


def crash_postgresql(kind: str, chance: random.Random) -> None:
    """Kill one of the server's processes: it then ends every connection at once, and replays its log."""

    def pids() -> list[int]:
        with connection.cursor() as cursor:
            query = "SELECT pid FROM pg_stat_activity WHERE backend_type = %s AND pid <> pg_backend_pid()"
            cursor.execute(query, [kind])
            return sorted(pid for (pid,) in cursor.fetchall())

    found = ask(pids)
    if found:
        kill(chance.choice(found))
    connection.close()
