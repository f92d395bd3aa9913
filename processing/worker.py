"""This process among the others: its row, its heartbeat, and its look at who else lives."""

import faulthandler
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection

from processing import keys, recorder
from processing.models import Batch, ProcessingSession, Worker
from processing.models.worker import WorkerQuerySet
from processing.recorder import FlightRecorder
from processing.vitals import read_vitals

logger = logging.getLogger(__name__)

# The third is how PostgreSQL refuses a write while it is read-only.
# test: test_run_waits_and_goes_on_by_itself_when_the_database_is_read_only.
DATABASE_ERRORS = (OperationalError, InterfaceError, InternalError)
DEATH_GRACE_S = 0.75
SILENT_BEATS = 3
# How a process of ours ends when it gives up by itself.
OUT_OF_MEMORY_EXIT = 86
PHOTO_TIMEOUT_EXIT = 87
WATCHDOG_TICK_S = 0.25
# The phase of a process that ends in order; when it can be read after a death, the database did not answer.
ENDING = "ending"
# The interpreter's own watchdog needs no lock of ours; it counts a freeze too, so it is given more time.
NATIVE_LIMIT_FACTOR = 2
DATABASE_WAIT_S = 0.25
DATABASE_WAIT_S_MAX = 10.0
# How long a process that was asked to stop waits for a database in which it cannot say so.
ENDING_PATIENCE_S = 30.0

T = TypeVar("T")


def boot_id() -> str:
    """Give the kernel's name of this boot; empty where there is none."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else ""


def is_here(worker: Worker) -> bool:
    """Whether a process is, or was, on this host."""
    return worker.host == socket.gethostname()


def rss_bytes() -> int:
    """Give this process's resident memory; 0 where the system does not say."""
    path = Path("/proc/self/statm")
    if not path.exists():
        return 0
    return int(path.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def patiently(ask: Callable[[], T], gives_up: Callable[[], bool] = lambda: False) -> T | None:
    """Ask the database until it answers, with growing waits; None when told to give up before it did.

    test: test_run_completes_by_itself_when_postgresql_goes_away.
    """
    wait_s = DATABASE_WAIT_S
    while not gives_up():
        try:
            return ask()
        except DATABASE_ERRORS as error:
            connection.close()
            logger.warning("waiting for the database", extra={"error": str(error), "wait_s": wait_s})
            _wait(wait_s, gives_up)
            wait_s = min(wait_s * 2, DATABASE_WAIT_S_MAX)
    return None


def insistently(ask: Callable[[], T], gives_up: Callable[[], bool]) -> T:
    """Ask the database until it answers; told to give up, once more, and then raise what it says to that.

    test: test_insisting_raises_what_the_database_says_when_it_gives_up.
    """

    def answer() -> tuple[T]:
        return (ask(),)

    answered = patiently(answer, gives_up)
    return ask() if answered is None else answered[0]


def _wait(wait_s: float, gives_up: Callable[[], bool]) -> None:
    """Wait in small steps: who gives up is heard at once.

    test: test_waiting_for_the_database_ends_at_once_when_it_gives_up.
    """
    until_s = time.monotonic() + wait_s
    while time.monotonic() < until_s and not gives_up():
        time.sleep(min(DATABASE_WAIT_S, wait_s))


class Presence:
    """This process's row, its locked recorder and its beats.

    `draining` asks it to stop at the next photo; `buried` says that others took its work away.
    """

    def __init__(self, draining: threading.Event | None = None) -> None:
        self.recorder = FlightRecorder()
        self.draining = threading.Event() if draining is None else draining
        self.buried = threading.Event()
        self.telemetry: dict[str, Any] = {}
        self._over = threading.Event()
        self._flight_s = 0.0
        self._limit_s: float | None = None
        self.commits_count = 0
        self.worker: Worker | None = None

    def register(
        self, *, parent: Worker | None = None, serves: ProcessingSession | None = None, device: str = ""
    ) -> Worker:
        """Add the row that says that this process lives; once, however often it is asked for, as after a lost answer.

        Who gives up leaves the recorder as a killed process would: whoever looks next buries the row, if it is there.
        test: test_process_has_one_row_when_the_answer_to_its_registration_is_lost.
        """
        self._take_vitals()
        facts = {
            "host": socket.gethostname(),
            "boot_id": boot_id(),
            "pid": os.getpid(),
            "parent": parent,
            "serves": serves,
            "device": device,
            "telemetry": self.telemetry,
        }
        self.worker, _ = Worker.objects.get_or_create(token=self.recorder.token, defaults=facts)
        self.recorder.catch_faults()
        return self.worker

    @property
    def row(self) -> Worker:
        """The registered row."""
        if self.worker is None:
            raise RuntimeError("This process has no worker row yet; call register first.")
        return self.worker

    @property
    def wants_to_stop(self) -> bool:
        """Whether work must end at the next photo."""
        return self.draining.is_set() or self.buried.is_set()

    def beat(self) -> None:
        """Tell the database that this process lives, and what it does."""
        self._take_vitals()
        if not self.row.keep_alive(self.telemetry):
            self.buried.set()

    def _take_vitals(self) -> None:
        """Note what the machine says now, in the recorder too: only what changes after it can have to do with a death.

        Were it noted at the start alone, one worker killed for want of memory would explain every later death.
        """
        self.telemetry.update(
            rss_bytes=rss_bytes(),
            vitals=read_vitals().as_facts(),
            key_id=keys.id_of(keys.current_secret()).hex(),
            errors_count=self.recorder.errors_count,
            last_error=self.recorder.flight.get("last_error", ""),
        )
        self.recorder.note(rss_bytes=self.telemetry["rss_bytes"], vitals=self.telemetry["vitals"])

    def start_beating(self, look: Callable[[], None], look_s: float | None = None) -> None:
        """Beat, and look after the others, from a thread of its own until the end.

        It looks every `look_s` seconds; None: at each beat.
        """
        beating = threading.Thread(target=self._beat_until_over, args=(look, look_s), daemon=True)
        beating.name = "heartbeat"
        beating.start()
        threading.Thread(target=self._watch_flight, daemon=True, name="photo-watchdog").start()

    def _beat_until_over(self, look: Callable[[], None], look_s: float | None) -> None:
        beat_s = settings.HEARTBEAT_S
        wait_s = look_s = look_s or beat_s
        looks_per_beat = max(1, round(beat_s / look_s))
        looks_count = 0
        while not self._over.wait(wait_s):
            looks_count += 1
            wait_s = look_s
            try:
                if looks_count % looks_per_beat == 0:
                    self.beat()
                look()
            except (*DATABASE_ERRORS, OSError) as error:  # The recorder's disk may be full as well.
                connection.close()
                logger.warning("heartbeat failed", extra={"error": str(error)})
                wait_s = beat_s
        connection.close()

    @contextmanager
    def last_words(self) -> Iterator[None]:
        """Write down the error that ends this process; it goes on its way."""
        try:
            yield
        except Exception as error:
            self.recorder.note_error(error, is_fatal=True)
            raise

    def take_off(self, limit_s: float, **facts: Any) -> None:
        """Note what goes in flight, and how long it may stay there."""
        self.recorder.note(**facts)
        self._flight_s = 0.0
        self._limit_s = limit_s
        # A decoder that never gives the interpreter back stops our watchdog thread too, but not this one.
        # test: test_poison_photos_are_set_aside_and_all_others_judged.
        self.recorder.end_when_late(NATIVE_LIMIT_FACTOR * limit_s)

    @contextmanager
    def off_the_clock(self) -> Iterator[None]:
        """Wait for something that is not the photo's fault; what is in flight has all its time again afterwards.

        test: test_time_spent_on_failing_reads_never_counts_against_a_photo.
        """
        limit_s, self._limit_s = self._limit_s, None
        faulthandler.cancel_dump_traceback_later()
        yield
        self._flight_s = 0.0
        self._limit_s = limit_s
        if limit_s is not None:
            self.recorder.end_when_late(NATIVE_LIMIT_FACTOR * limit_s)

    def account(self, *, worked_s: float, commit_s: float) -> None:
        """Add what a batch took, in seconds, to what the row tells: what checkpoints cost is read from there."""
        self.telemetry["commits_count"] = self.commits_count
        for name, seconds in (("worked_s", worked_s), ("commit_s", commit_s)):
            self.telemetry[name] = round(self.telemetry.get(name, 0.0) + seconds, 4)

    def land(self, **facts: Any) -> None:
        """Note that nothing is in flight."""
        self._limit_s = None
        faulthandler.cancel_dump_traceback_later()
        self.recorder.note(phase="landed", positions=[], photo="", alone=False, **facts)

    def _watch_flight(self) -> None:
        """End the process when photos stay in flight too long.

        It counts its own ticks, since a frozen process must not find its photo late when it thaws.
        """
        before = time.monotonic()
        while not self._over.wait(WATCHDOG_TICK_S):
            now = time.monotonic()
            self._flight_s += min(now - before, 2 * WATCHDOG_TICK_S)
            before = now
            limit_s = self._limit_s
            if limit_s is not None and self._flight_s > limit_s:
                self.recorder.note(phase="timeout")
                logger.error("photo exceeded its time limit", extra={"limit_s": limit_s, **self.telemetry})
                os._exit(PHOTO_TIMEOUT_EXIT)

    def end(self) -> None:
        """Mark the clean end: the row first, then the recorder, so that nobody sees a death between.

        What a failing database has left in its hands is given back before: nobody buries a clean end.
        test: test_worker_gives_its_own_batch_back_when_it_ends.
        """
        self._over.set()
        faulthandler.cancel_dump_traceback_later()
        self.recorder.note(phase=ENDING)
        Batch.objects.release_held_by(self.row)
        self.row.end(self.telemetry)
        self.recorder.close()


class Watch:
    """What one observer has seen of the others; judges who is dead.

    `silence_s`: how long a process whose lock cannot be tried may be silent; None: CRASH_DETECTION_TIMEOUT_S.
    """

    def __init__(self, silence_s: float | None = None) -> None:
        self._silence_s = silence_s
        self._beats: dict[int, tuple[int, float]] = {}
        self._first_seen_dead: dict[int, float] = {}

    def find_dead(self, own: Worker | None = None) -> list[Worker]:
        """List the dead: parents first, since burying one buries its workers too."""
        living = Worker.objects.living().select_related("parent").order_by("pk")
        candidates = [worker for worker in living if own is None or worker.pk != own.pk]
        dead = [worker for worker in candidates if self._is_dead(worker)]
        parents = {worker.pk for worker in dead if worker.is_parent}
        return [w for w in dead if w.is_parent] + [
            w for w in dead if not w.is_parent and w.parent_id not in parents and self._is_overdue(w)
        ]

    def has_suspects(self) -> bool:
        """Say whether somebody whom the last look left alive may be found dead by a longer one."""
        silent = set(self._silent().living().values_list("pk", flat=True))
        for worker in Worker.objects.living().order_by("pk"):
            free = _is_lock_free(worker)
            if free or (free is None and worker.pk in silent):
                return True
        return False

    def _is_dead(self, worker: Worker) -> bool:
        free = _is_lock_free(worker)
        return self._is_silent(worker) if free is None else free

    def _is_silent(self, worker: Worker) -> bool:
        """Silent by the database's clock, and without a beat over three of ours (guarantee 15)."""
        now = time.monotonic()
        beat, since = self._beats.setdefault(worker.pk, (worker.beat, now))
        if beat != worker.beat:
            self._beats[worker.pk] = (worker.beat, now)
            return False
        if now - since < SILENT_BEATS * settings.HEARTBEAT_S:
            return False
        return self._silent().filter(pk=worker.pk).exists()

    def _silent(self) -> WorkerQuerySet:
        """Those silent for long enough. A power cut may take the recorders along, so three beats are enough here.

        test: test_process_of_an_earlier_boot_is_dead_after_three_beats_though_its_recorder_is_gone.
        """
        silence_s = settings.CRASH_DETECTION_TIMEOUT_S if self._silence_s is None else self._silence_s
        silent, boot = Worker.objects.silent(silence_s), boot_id()
        if not boot:
            return silent
        earlier = Worker.objects.filter(host=socket.gethostname()).exclude(boot_id__in=("", boot))
        return silent | earlier.silent(SILENT_BEATS * settings.HEARTBEAT_S)

    def _is_overdue(self, worker: Worker) -> bool:
        """Give a worker's own cluster a moment, while it has one: only there the exit code is known.

        test: test_second_signal_ends_everything_at_once_and_nothing_is_lost.
        """
        if worker.parent is None or worker.parent.ended_at is not None:
            return True
        now = time.monotonic()
        return now - self._first_seen_dead.setdefault(worker.pk, now) >= DEATH_GRACE_S


def _is_lock_free(worker: Worker) -> bool | None:
    """Say whether a process of this machine has let go of its recorder; None where that cannot be tried."""
    return recorder.lock_is_free(worker.token) if is_here(worker) else None
