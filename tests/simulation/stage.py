"""What stands between the product and this machine while a world runs: clock, processes, files of the dead, database."""

import logging
import os
import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
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

from processing import queue, recorder, runner, scan, tasks, worker
from processing.recorder import FlightRecorder
from processing.vitals import Vitals
from recovery import detection
from recovery.evidence import Machine
from tests.simulation.world import Thread, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WRITE = re.compile(r'\s*(?:UPDATE|INSERT INTO|DELETE FROM) "(\w+)"')
# Within which a process dies inside a transaction, or loses its connection there: how often, by statement.
DEATH_INSIDE_SHARE = 0.0005
OTHER_LOSSES_SHARE = 0.2
SETTINGS = {
    "HEARTBEAT_S": 3,
    "CRASH_DETECTION_TIMEOUT_S": 4,
    "PHOTO_TIMEOUT_S": 6,
    "LANE_SLICE_S": 12,
    "CHECKPOINT_KEEP_COUNT": 3,
}


class Stage:
    """The seams of one world."""

    def __init__(self, world: World, place: Path) -> None:
        self.world, self.place = world, place
        self.written: set[str] = set()
        self.faults = True
        world.before_step = self.enter

    def enter(self, thread: Thread) -> None:
        """Give the worker's module the process whose step it is."""
        tasks._presence = thread.process.presence

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
        instant = EPOCH + timedelta(seconds=self.world.now)
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

    def set_autocommit(self, real: Callable[..., None]) -> Callable[..., None]:
        """Make the beginning of a transaction a step."""

        def begin_or_end(autocommit: Any, **options: Any) -> None:
            if not autocommit and self.world.current is not None:
                self.world.pause(self._latency_s())
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

    def thread(self, target: Callable[..., object], args: tuple[Any, ...] = (), **options: Any) -> Any:
        """Stand for threading.Thread."""
        assert self.world.current is not None
        process = self.world.current.process
        thread = SimpleNamespace(name=options.get("name", "thread"))
        thread.start = lambda: self.world.spawn(process, thread.name, lambda: target(*args))
        return thread

    def event(self) -> "SimulatedEvent":
        """Stand for threading.Event."""
        return SimulatedEvent(self.world)


class SimulatedEvent:
    """An event whose wait is the world's time."""

    def __init__(self, world: World) -> None:
        self._world, self._is_set = world, False

    def set(self) -> None:
        """Set it."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Wait so long; an event that is set meanwhile is seen at the end."""
        if not self._is_set:
            self._world.pause(timeout_s)
        return self._is_set


class Inline:
    """Stands for the decoders: done when it is asked for."""

    def submit(self, act: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Do it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(act(*args))
        except (MemoryError, ValueError) as error:
            future.set_exception(error)
        return future


class Writer:
    """Stands for the writer's executor: a thread of the same process, so that a chunk is in the air."""

    def __init__(self, world: World) -> None:
        self.world = world

    def submit(self, act: Callable[..., Any], *args: Any) -> "Landing":
        """Start the thread."""
        assert self.world.current is not None
        landing = Landing(self.world)
        self.world.spawn(self.world.current.process, "writer", lambda: landing.keep(act, args))
        return landing


class Landing:
    """Stands for the future of a commit."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.error: Exception | None = None
        self._is_done = False

    def keep(self, act: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run it, and keep an error for who asks."""
        try:
            act(*args)
        except Exception as error:  # noqa: BLE001 -- as an executor does
            self.error = error
        self._is_done = True

    def done(self) -> bool:
        """Whether it is over."""
        return self._is_done

    def result(self) -> None:
        """Wait for it."""
        while not self._is_done:
            self.world.pause(0.05)
        if self.error is not None:
            raise self.error


def recorder_class(world: World) -> type[FlightRecorder]:
    """Make the recorder of processes that may be killed: the lock is free then, and the file keeps its last words."""

    class Recorder(FlightRecorder):
        def __init__(self) -> None:
            super().__init__()
            world.current.process.recorders.append(self)

        def catch_faults(self) -> None:
            """Leave the signals of this process alone."""

        def end_when_late(self, limit_s: float) -> None:
            """Leave it to the watchdog thread."""

        def note(self, **facts: Any) -> None:
            world.check_alive()
            super().note(**facts)

        def close(self) -> None:
            world.check_alive()
            super().close()

        def drop(self) -> None:
            """End as the kernel ends it: unlocked, with its last words."""
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    return Recorder


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
    for module in (worker, runner, scan, queue, detection):
        patch.setattr(module, "time", clock)
    for vendor in ("sqlite", "postgresql"):
        patch.setattr(Now, f"as_{vendor}", lambda *args, **options: stage.now_sql(*args, **options))
    patch.setattr(worker, "WATCHDOG_TICK_S", 2.0)
    patch.setattr(queue, "POLL_S", 2.0)


def _replace_processes(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    world = stage.world
    chance = random.Random(world.seed)
    patch.setattr(os, "urandom", chance.randbytes)
    patch.setattr(random, "_urandom", chance.randbytes)
    patch.setattr(os, "getpid", stage.pid)
    patch.setattr(os, "_exit", world.die)
    patch.setattr(worker, "socket", SimpleNamespace(gethostname=stage.hostname))
    patch.setattr(worker, "threading", SimpleNamespace(Thread=stage.thread, Event=stage.event))
    patch.setattr(worker, "faulthandler", SimpleNamespace(cancel_dump_traceback_later=lambda: None))
    patch.setattr(worker, "boot_id", stage.hostname)
    patch.setattr(worker, "read_vitals", Vitals)
    patch.setattr(worker, "rss_bytes", lambda: 0)
    machine = Machine(stage.hostname, stage.hostname, lambda _path: Vitals(), lambda _since: None)
    patch.setattr(detection, "record_crash", partial(detection.record_crash, machine=machine))
    patch.setattr(worker, "FlightRecorder", recorder_class(world))
    patch.setattr(recorder, "folder", stage.folder)
    patch.setattr(tasks, "_presence", None)
    patch.setattr(tasks, "pipeline", lambda: world.current.process.pipeline)
    patch.setattr(tasks, "decoders", Inline)
    patch.setattr(tasks, "writer", lambda: Writer(world))


def _replace_database(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    wrapper = connection._connections[connection._alias]
    patch.setattr(wrapper, "execute_wrappers", [stage.statement])
    patch.setattr(wrapper, "set_autocommit", stage.set_autocommit(wrapper.set_autocommit))
    patch.setattr(wrapper, "commit", stage.commit(wrapper.commit, wrapper.rollback))
    patch.setattr(wrapper, "close", lambda: None)
    for name in ("supports_default_keyword_in_insert", "supports_default_keyword_in_bulk_insert"):
        patch.setattr(wrapper.features, name, False)
