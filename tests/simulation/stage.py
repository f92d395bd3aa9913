"""What stands between the product and this machine while a world runs: clock, processes, files of the dead, database."""

import logging
import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models.functions import Now

from processing import cluster, commits, parent, queue, recorder, runner, scan, tasks, worker
from processing.management import attendance
from processing.models import ImageResult
from processing.vitals import Vitals
from recovery import automatic, detection
from recovery.evidence import Machine
from tests.simulation.photos import FakePipeline
from tests.simulation.seams import (
    Inline,
    SimulatedEvent,
    SimulatedFork,
    SimulatedPopen,
    SimulatedThread,
    Writer,
    recorder_class,
)
from tests.simulation.world import Process, Thread, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WRITE = re.compile(r'\s*(?:UPDATE|INSERT INTO|DELETE FROM) "(\w+)"')
# Within which a process dies inside a transaction, or loses its connection there: how often, by statement.
DEATH_INSIDE_SHARE = 0.0005
OTHER_LOSSES_SHARE = 0.2
SLOW_COMMITS_SHARE = 0.1
SLOW_S_MAX = 10.0
# A step that judged photos is checked like one that wrote.
VERDICTS = "verdicts"
SETTINGS = {
    "HEARTBEAT_S": 3,
    "SWEEP_S": 5,
    "CRASH_DETECTION_TIMEOUT_S": 4,
    "PHOTO_TIMEOUT_S": 6,
    "LANE_SLICE_S": 12,
    "CHECKPOINT_KEEP_COUNT": 3,
}
# What AUTO_RECOVER waits after a first recovery in vain; shorter than in the product, so that a world sees the last one.
BACKOFF_S = 3.5
# Longer than in the product, where a look costs nothing that anybody pays for.
INTERVALS = {
    worker: {"WATCHDOG_TICK_S": 2.0},
    queue: {"POLL_S": 2.0, "TICK_S": 2.0},
    parent: {"TICK_S": 2.0, "CHORE_S": 3.0, "LOOK_S": 6.0},
    attendance: {"STATUS_EVERY_S": 60.0},
    automatic: {"LOOK_AGAIN_S": 15.0, "BACKOFF_S": BACKOFF_S},
}


class Stage:
    """The seams of one world."""

    def __init__(self, world: World, place: Path) -> None:
        self.world, self.place = world, place
        self.written: set[str] = set()
        # Verdicts that are not stored yet, by batch and lease: what a death would discard.
        self.at_risk: dict[tuple[int, int], set[int]] = {}
        self.faults = True
        # How far the database's clock is from the world's time.
        self.clock_s = 0.0
        self._inside: Process | None = None
        world.before_step = lambda thread: self.enter(thread.process)

    def enter(self, process: Process) -> None:
        """Give the worker's module the globals of the process whose step it is."""
        if self._inside is not None:
            self._inside.presence, self._inside.queue_name = tasks._presence, tasks._queue_name
        self._inside = process
        tasks._presence, tasks._queue_name = process.presence, process.queue_name or queue.SHARED_QUEUE

    # --- time ---

    def monotonic(self) -> float:
        """Tell the world's time."""
        return self.world.now

    def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        self.world.pause(duration_s)

    def now_sql(
        self, _now: Now, _compiler: object, wrapper: Any, **_context: object
    ) -> tuple[str, list[str]]:
        """Stand for Now(): the database's clock is the world's."""
        instant = EPOCH + timedelta(seconds=self.world.now + self.clock_s)
        if wrapper.vendor == "postgresql":
            return "%s::timestamptz", [instant.isoformat()]
        return "%s", [instant.strftime("%Y-%m-%d %H:%M:%S.%f")]

    # --- the database ---

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        """Stand before each statement: outside a transaction it is a step of its own; the dead say nothing."""
        world = self.world
        if world.current is None or sql.startswith("BEGIN"):
            return execute(sql, params, many, context)
        world.check_alive()
        if not connection.in_atomic_block:
            world.pause(self._latency_s())
        elif self.faults and world.random.random() < DEATH_INSIDE_SHARE:
            world.note("dies inside a transaction")
            world.die(-9)
        written = WRITE.match(sql)
        if written:
            self.written.add(written[1])
            if written[1] != "processing_worker":
                world.note(f"writes {written[1]}")
        return execute(sql, params, many, context)

    def _latency_s(self) -> float:
        return self.world.random.expovariate(20.0)

    def _stall_s(self, thread: Thread) -> float:
        """Let the disk be slow for a commit of verdicts now and then."""
        chance = self.world.random
        is_slow = self.faults and thread.name == "writer" and chance.random() < SLOW_COMMITS_SHARE
        return chance.uniform(0.0, SLOW_S_MAX) if is_slow else 0.0

    def set_autocommit(self, real: Callable[..., None]) -> Callable[..., None]:
        """Make the beginning of a transaction a step."""

        def begin_or_end(autocommit: Any, **options: Any) -> None:
            if not autocommit and self.world.current is not None:
                self.world.pause(self._latency_s() + self._stall_s(self.world.current))
            real(autocommit, **options)

        return begin_or_end

    def commit(self, real: Callable[[], None], roll_back: Callable[[], None]) -> Callable[[], None]:
        """Let a commit's answer get lost where the world wants it: it has landed, or it has not."""

        def commit_or_lose() -> None:
            thread = self.world.current
            lost = thread.process.lost_answers if thread else []
            if not lost or not self.written or not self._is_worth_losing():
                real()
                return
            fate = lost.pop()
            self.world.note(f"loses the answer of a commit that {fate}")
            self.world.happened[f"lost answer of a commit that {fate}"] += 1
            if fate == "lands":
                real()
                connection.run_on_commit = []
            else:
                roll_back()
            raise OperationalError("server closed the connection unexpectedly")

        return commit_or_lose

    def _is_worth_losing(self) -> bool:
        """Prefer the commits of verdicts: most others are small, and asked again anyway."""
        return "processing_imageresult" in self.written or self.world.random.random() < OTHER_LOSSES_SHARE

    # --- processes ---

    def hostname(self) -> str:
        """Name the host of the process that asks."""
        return self.world.current.process.host if self.world.current else "observer"

    def pid(self) -> int:
        """Number the process that asks."""
        return self.world.current.process.pid if self.world.current else 1

    def folder(self) -> Path:
        """Where the recorders of a host lie; other hosts do not see them."""
        return self.place / self.hostname()

    def thread(
        self,
        target: Callable[..., object],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> SimulatedThread:
        """Stand for threading.Thread."""
        return SimulatedThread(self.world, target, args, kwargs or {}, options.get("name", "thread"))

    def event(self) -> SimulatedEvent:
        """Stand for threading.Event."""
        return SimulatedEvent(self.world)

    def popen(self, arguments: list[str], **_options: Any) -> SimulatedPopen:
        """Stand for subprocess.Popen."""
        return SimulatedPopen(self.world, self.send, arguments)

    def fork(self, target: Callable[..., object], args: tuple[Any, ...], **_options: Any) -> SimulatedFork:
        """Stand for multiprocessing.Process."""
        return SimulatedFork(self.world, self.send, target, args)

    def set_handler(self, signum: int, handler: Any) -> None:
        """Stand for signal.signal."""
        assert self.world.current is not None
        self.world.current.process.handlers[signum] = handler

    def send(self, process: Process, signum: int) -> None:
        """Send a signal: the process's own handler runs, and without one it dies."""
        handler = process.handlers.get(signum, signal.SIG_DFL)
        self.world.note(f"{process.name} gets signal {signum}")
        process.is_stopping = True
        if handler == signal.SIG_DFL:
            self.world.kill(process, -signum)
        if not callable(handler):
            return
        sender = self.world.current
        self.enter(process)
        self.world.current = process.threads[0]
        handler(signum, None)
        self.world.current = sender
        if sender is not None:
            self.enter(sender.process)

    # --- work ---

    def work_off(self, queue_name: str, wants_to_stop: Callable[[], bool]) -> None:
        """Stand for django-q2's loop: take calls and run lanes."""
        assert self.world.current is not None
        process = self.world.current.process
        inbox = queue.Inbox(queue_name, wants_to_stop)
        while (task := inbox.get()) != queue.STOP:
            process.subject = task["args"][0].replace("-", "")
            tasks.run_lane(*task["args"])
            process.subject = None

    def pipeline(self) -> FakePipeline:
        """Give the pipeline of the process that asks."""
        assert self.world.current is not None
        process = self.world.current.process
        process.pipeline = process.pipeline or FakePipeline(self.world)
        pipeline: FakePipeline = process.pipeline
        return pipeline

    def judge(self, judge_photos: Callable[..., list[ImageResult]]) -> Callable[..., list[ImageResult]]:
        """Note which verdicts were given."""

        def judge_and_note(batch: Any, *args: Any) -> list[ImageResult]:
            rows = judge_photos(batch, *args)
            given = self.at_risk.setdefault((batch.pk, batch.lease), set())
            given.update(row.position for row in rows)
            self.written.add(VERDICTS)
            return rows

        return judge_and_note


@contextmanager
def staged(world: World, place: Path) -> Iterator[Stage]:
    """Put the seams in place for one world, and take them away again."""
    stage = Stage(world, place)
    level = logging.root.manager.disable
    with pytest.MonkeyPatch.context() as patch:
        logging.disable(logging.CRITICAL)
        _replace_settings(patch, place)
        _replace_time(patch, stage)
        _replace_processes(patch, stage)
        _replace_machine(patch, stage)
        _replace_work(patch, stage)
        _replace_database(patch, stage)
        try:
            yield stage
        finally:
            world.end()
            logging.disable(level)


def _replace_settings(patch: pytest.MonkeyPatch, place: Path) -> None:
    for name, value in {**SETTINGS, "STOCKPROOF_VAR": place}.items():
        patch.setattr(settings, name, value)


def _replace_time(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    clock = SimpleNamespace(monotonic=stage.monotonic, sleep=stage.sleep)
    for module in (worker, runner, commits, scan, queue, tasks, detection, parent, attendance, automatic):
        patch.setattr(module, "time", clock)
    for vendor in ("sqlite", "postgresql"):
        patch.setattr(Now, f"as_{vendor}", lambda *args, **options: stage.now_sql(*args, **options))
    for module, intervals in INTERVALS.items():
        for name, interval_s in intervals.items():
            patch.setattr(module, name, interval_s)


def _replace_processes(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    world = stage.world
    chance = random.Random(world.seed)
    patch.setattr(os, "urandom", chance.randbytes)
    patch.setattr(random, "_urandom", chance.randbytes)
    patch.setattr(os, "getpid", stage.pid)
    patch.setattr(os, "_exit", world.die)
    threads = SimpleNamespace(Thread=stage.thread, Event=stage.event)
    signals = SimpleNamespace(**vars(signal) | {"signal": stage.set_handler, "pthread_sigmask": _nothing})
    for module in (worker, parent, tasks):
        patch.setattr(module, "threading", threads)
    for module in (parent, queue, tasks):
        patch.setattr(module, "signal", signals)
    patch.setattr(parent, "subprocess", SimpleNamespace(Popen=stage.popen, DEVNULL=None))
    context = SimpleNamespace(Process=stage.fork)
    patch.setattr(queue, "multiprocessing", SimpleNamespace(get_context=lambda _kind: context))
    patch.setattr(cluster, "django", SimpleNamespace(setup=_nothing))
    for module in (cluster, queue):
        patch.setattr(module, "die_with_parent", _nothing)


def _nothing(*_args: object) -> None:
    """Stand for what a world does by itself: a parent's death ends its children."""


def _replace_machine(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    patch.setattr(worker, "socket", SimpleNamespace(gethostname=stage.hostname))
    patch.setattr(worker, "faulthandler", SimpleNamespace(cancel_dump_traceback_later=lambda: None))
    patch.setattr(worker, "boot_id", stage.hostname)
    patch.setattr(worker, "read_vitals", Vitals)
    patch.setattr(worker, "rss_bytes", lambda: 0)
    machine = Machine(stage.hostname, stage.hostname, lambda _path: Vitals(), lambda _since: None)
    patch.setattr(detection, "record_crash", partial(detection.record_crash, machine=machine))
    patch.setattr(worker, "FlightRecorder", recorder_class(stage.world))
    patch.setattr(recorder, "folder", stage.folder)


def _replace_work(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    patch.setattr(queue, "work_off", stage.work_off)
    patch.setattr(runner, "judge_photos", stage.judge(runner.judge_photos))
    patch.setattr(tasks, "_presence", None)
    patch.setattr(tasks, "_queue_name", queue.SHARED_QUEUE)
    patch.setattr(tasks, "_decoders_count", 1)
    patch.setattr(tasks, "pipeline", stage.pipeline)
    patch.setattr(tasks, "decoders", Inline)
    patch.setattr(tasks, "writer", lambda: Writer(stage.world))


def _replace_database(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    wrapper = connection._connections[connection._alias]
    patch.setattr(wrapper, "execute_wrappers", [stage.statement])
    patch.setattr(wrapper, "set_autocommit", stage.set_autocommit(wrapper.set_autocommit))
    patch.setattr(wrapper, "commit", stage.commit(wrapper.commit, wrapper.rollback))
    patch.setattr(wrapper, "close", lambda: None)
    for name in ("supports_default_keyword_in_insert", "supports_default_keyword_in_bulk_insert"):
        patch.setattr(wrapper.features, name, False)
