"""The process that a person started: it keeps a cluster, offers lanes, looks after the dead, and owns the signals."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings
from django.db import connection

from processing import queue
from processing.children import arguments_of, environment_of
from processing.models import ProcessingSession, StepRefused, Worker
from processing.models.session import Alarm
from processing.states import Status
from processing.sweep import Announce, offered_by, sweep
from processing.worker import DATABASE_ERRORS, ENDING, ENDING_PATIENCE_S, Presence, insistently

if TYPE_CHECKING:
    from processing.recorder import FlightRecorder

logger = logging.getLogger(__name__)

TICK_S = 0.25
CHORE_S = 1.0
# Looked so often, and with its grace, a dead worker is buried within 2 s though its cluster died with it.
# test: test_killed_worker_is_noticed_within_2_seconds*.
LOOK_S = 0.4
RESTART_WAIT_S_MAX = 10.0
RESTARTS_MAX = 5
# How long killed workers may take to be gone.
DYING_S = 2.0
# A child that lived so long did not die of its start.
STEADY_S = 60.0
CRASH_LOOP_DEATHS_PER_WORKER = 5
CRASH_LOOP_DEATHS_MIN = 10
CRASH_LOOP = (
    "Workers died {deaths} times in a row without progress. Look at the last error, then recover the session."
)

T = TypeVar("T")


class CalledOff(Exception):
    """Nobody wants any more what a parent works for; what it was asked to call raises this."""


class Child:
    """A process that this one keeps alive: started again, with growing waits, when it ends by itself."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        self._arguments = [sys.executable, *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._wait_s = 0.0
        self._not_before = 0.0
        self._started = 0.0
        self.restarts_count = 0

    def keep_alive(self) -> None:
        """Start the process if it does not run and its wait is over."""
        if self._process is not None and self._process.poll() is not None:
            logger.error("child process ended", extra={"exit_code": self._process.returncode})
            self._process = None
            if time.monotonic() - self._started >= STEADY_S:
                self.praise()
            self.restarts_count += 1
            self._wait_s = min(self._wait_s * 2 + 0.2, RESTART_WAIT_S_MAX)
            self._not_before = time.monotonic() + self._wait_s
        if self._process is None and time.monotonic() >= self._not_before:
            self._started = time.monotonic()
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                self._arguments, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def praise(self) -> None:
        """Forget earlier restarts: there was progress since, or a steady time."""
        self.restarts_count, self._wait_s = 0, 0.0

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, *, is_aborted: Callable[[], bool]) -> None:
        """Ask it to drain and wait, as long as that takes; kill it when aborted."""
        if self._process is None:
            return
        self._process.terminate()
        while self._process.poll() is None:
            if is_aborted():
                self._process.kill()
            time.sleep(TICK_S / 2)
        self._process = None


class Parent:
    """One parent: its row, its cluster, its sweeps, and what the signals asked for."""

    def __init__(
        self,
        *,
        workers: int,
        look: Callable[[Worker], None],
        queue_name: str = queue.SHARED_QUEUE,
        alarm: Alarm | None = None,
    ) -> None:
        self._workers = workers
        self._alarm = alarm
        self._look = look
        self._queue_name = queue_name
        self.presence: Presence
        self._arriving: Presence | None = None
        self._recorder: FlightRecorder | None = None
        self.signal_count = 0
        self.last_signal = 0
        self._first_signal_s = 0.0
        self.is_broken = False
        self._is_dying = False
        self._progress: Sequence[object] = []
        self._deaths_before = 0
        self._cluster: Child
        self._children: list[Child] = []
        self._chores: list[Callable[[], object]] = []
        self._is_over = threading.Event()
        self._announce: Announce = lambda _session: None

    def register(self, session: ProcessingSession | None = None) -> Worker:
        """Add this parent's row; with a session it serves that one alone, through a queue of its own.

        From here on a signal is a wish to stop: before the row exists, so that it is no death.
        """
        signal.signal(signal.SIGTERM, self._note_signal)
        signal.signal(signal.SIGINT, self._note_signal)
        # After a lost answer this is asked for again, and the row may be there.
        presence = self._arriving = self._arriving or Presence()
        row = presence.register(serves=session)
        self.presence, self._arriving = presence, None
        self._recorder = presence.recorder
        if self.signal_count:
            presence.recorder.note(stop_signal=self.last_signal)
        if session is not None:
            self._queue_name = queue.private_queue(row.token)
        return row

    def begin(self, act: Callable[[], object]) -> None:
        """Do an act that registers this parent, through database failures, and never twice.

        The row is stored in the act's own transaction, so after a lost answer it tells whether the act was done.
        test: test_act_that_begins_an_attendance_is_done_once_when_its_answer_is_lost.
        """

        def once() -> None:
            if self._recorder is not None:
                if Worker.objects.filter(token=self._recorder.token).exists():
                    return
                self._recorder.close()
                self._recorder = None
            act()

        self.insist(once)

    def insist(self, ask: Callable[[], T]) -> T:
        """Ask the database until it answers. After a stop that has its limits; then this raises what it says.

        A second stop ends the waiting at once, one alone after ENDING_PATIENCE_S.
        """
        return insistently(ask, self._gives_up)

    def _gives_up(self) -> bool:
        waited_s = time.monotonic() - self._first_signal_s
        return self.signal_count > 1 or (self.signal_count == 1 and waited_s > ENDING_PATIENCE_S)

    def add_chore(self, chore: Callable[[], object]) -> None:
        """Do something every CHORE_S, in a thread of its own, while this parent runs."""
        self._chores.append(chore)

    def add_child(self, child: Child) -> None:
        """Keep another process alive beside the cluster."""
        self._children.append(child)

    def run(
        self,
        *,
        is_over: Callable[[], bool],
        on_stop: Callable[[], None] = lambda: None,
        announce: Announce = lambda _session: None,
    ) -> None:
        """Work until it is over or a signal asks to stop; then drain, and mark the clean end.

        `announce` learns of a session's listing before its first photo is worked on. An error that nobody expected
        goes on to the caller: what is in hand is drained, and the end is a death for the others to find.
        test: test_parent_that_dies_of_an_unexpected_error_is_no_clean_end.
        """
        self._announce = announce
        row = self.presence.row
        self.insist(_drop_dead_queues)
        self._begin(row)
        chores = [threading.Thread(target=self._repeat, args=(chore,)) for chore in self._chores]
        for thread in chores:
            thread.start()
        try:
            self._work(is_over, on_stop)
        except CalledOff:
            on_stop()
            raise
        except Exception as error:
            self._is_dying = True
            self.presence.recorder.note_error(error, is_fatal=True)
            raise
        finally:
            self._is_over.set()
            self._stop_children()
            for thread in chores:
                thread.join()
            if not self._is_dying:
                self._end()

    def _repeat(self, chore: Callable[[], object]) -> None:
        while not self._is_over.wait(CHORE_S):
            try:
                chore()
            except DATABASE_ERRORS as error:
                logger.warning("chore put off, database not reachable", extra={"error": str(error)})
            connection.close()

    def _note_signal(self, signum: int, _frame: object) -> None:
        self._first_signal_s = self._first_signal_s or time.monotonic()
        self.signal_count += 1
        self.last_signal = signum
        if self._recorder is not None:
            self._recorder.note(stop_signal=signum)

    def _work(self, is_over: Callable[[], bool], on_stop: Callable[[], None]) -> None:
        next_sweep = 0.0
        while not self.signal_count and not self.is_broken:
            try:
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + settings.SWEEP_S
                    self._sweep()
                    if self._waits_for_scan():
                        next_sweep = 0.0
                if is_over():
                    return
            except DATABASE_ERRORS as error:
                connection.close()
                logger.warning("database not reachable, waiting", extra={"error": str(error)})
                self.presence.recorder.note_error(error)
            else:
                self.presence.recorder.note_overcome()
            time.sleep(TICK_S)
        if self.signal_count:
            on_stop()

    def _sweep(self) -> None:
        if self.presence.buried.is_set():
            self._register_anew()
        for child in (self._cluster, *self._children):
            child.keep_alive()
        sweep(self.presence.row, self._queue_name, self._announce)
        self._break_crash_loop()

    def _waits_for_scan(self) -> bool:
        """Whether the session of its own is scanned: nobody else moves it on, and its workers would stand idle.

        test: test_parent_moves_its_session_on_at_the_next_tick_when_the_scan_has_ended.
        """
        own = self.presence.row.serves_id
        scanning = ProcessingSession.objects.with_status(Status.SCANNING)
        return own is not None and scanning.filter(pk=own).exists()

    def _register_anew(self) -> None:
        """Others took this process for dead: drop its workers, which are fenced, and begin again under a new row."""
        buried = self.presence
        logger.error("buried by mistake, registering anew", extra={"worker": buried.row.token})
        self._cluster.kill()
        self._begin(self.register(buried.row.serves))
        buried.end()

    def _begin(self, row: Worker) -> None:
        arguments = [row.token, self._queue_name, str(self._workers), str(os.getpid())]
        self._cluster = Child(arguments_of("processing.cluster", *arguments), environment_of())
        self.presence.start_beating(lambda: self._look(row), look_s=LOOK_S)

    def _break_crash_loop(self) -> None:
        """Fail what this parent serves when its workers die again and again without progress (design §3)."""
        sessions = list(offered_by(self.presence.row).order_by("pk"))
        progress = [(s.pk, s.stage, s.found_count, s.counts()["processed"]) for s in sessions]
        deaths = Worker.objects.filter(parent=self.presence.row).exclude(ended_at=None).count()
        if progress != self._progress:
            self._progress, self._deaths_before = progress, deaths
            self._cluster.praise()
        if not sessions:
            self._deaths_before = deaths  # Where nothing is to be done, nothing can progress.
        in_a_row = deaths - self._deaths_before
        limit = max(CRASH_LOOP_DEATHS_MIN, CRASH_LOOP_DEATHS_PER_WORKER * self._workers)
        if in_a_row >= limit or self._cluster.restarts_count >= RESTARTS_MAX:
            _fail_all(sessions, CRASH_LOOP.format(deaths=max(in_a_row, RESTARTS_MAX)), self._alarm)
            self.is_broken = True

    def _stop_children(self) -> None:
        """Drain all children at once; a second signal kills them."""
        threads = [
            threading.Thread(target=child.stop, kwargs={"is_aborted": lambda: self.signal_count > 1})
            for child in (self._cluster, *self._children)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(TICK_S)

    def _end(self) -> None:
        try:
            self.insist(self._mark_end)
            self.insist(self._bury_killed)
        except DATABASE_ERRORS as error:
            logger.warning("clean end not recorded", extra={"error": str(error)})
            self.presence.recorder.note_error(error, phase=ENDING)

    def _mark_end(self) -> None:
        if self.presence.row.serves_id:
            queue.drop_queue(self._queue_name)
        self.presence.end()

    def _bury_killed(self) -> None:
        """Bury the workers that an abort has killed, as they die: nobody else may come by for a long time.

        test: test_second_signal_ends_everything_at_once_and_nothing_is_lost.
        """
        row = self.presence.row
        deadline = time.monotonic() + DYING_S
        while Worker.objects.living().filter(parent=row).exists() and time.monotonic() < deadline:
            self._look(row)
            time.sleep(TICK_S)


def _drop_dead_queues() -> None:
    living = Worker.objects.living().parents()
    queue.drop_dead_queues(set(living.values_list("token", flat=True)))


def _fail_all(sessions: list[ProcessingSession], error: str, alarm: Alarm | None) -> None:
    for session in sessions:
        try:
            session.fail(error, alarm)
        except StepRefused:
            logger.info("session not failed, it has ended", extra={"session": str(session.pk)})
