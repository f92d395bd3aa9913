"""What stands for the machine in a world: threads, events and processes that take the world's time and die its deaths."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, ClassVar

from processing import cluster
from processing.recorder import FlightRecorder
from tests.simulation.world import Process, World


@contextmanager
def deciding(world: World, who: str) -> Iterator[None]:
    """Say for whom the current thread acts, up to the end of the step in which that ends.

    What only a person, or AUTO_RECOVER, may do is allowed to it meanwhile.
    """
    thread = world.current
    assert thread is not None
    thread.decides, thread.decides_since, thread.has_decided = who, world.now, False
    try:
        yield
    finally:
        thread.has_decided = True


class SimulatedThread:
    """Stands for threading.Thread: a thread of the current process."""

    def __init__(
        self,
        world: World,
        target: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str,
    ) -> None:
        self.name = name
        self._world, self._act = world, lambda: target(*args, **kwargs)
        self._thread: Any = None

    def start(self) -> None:
        """Let it take its first step soon."""
        self._world.check_alive()
        assert self._world.current is not None
        self._thread = self._world.spawn(self._world.current.process, self.name, self._act)

    def is_alive(self) -> bool:
        """Whether it has not come to its end."""
        return not self._thread.is_over

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for its end, at most so long."""
        self._world.pause(0.1 if timeout_s is None else timeout_s)
        while timeout_s is None and self.is_alive():
            self._world.pause(0.5)


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

    def exception(self) -> Exception | None:
        """Give why it failed; None when it did not."""
        return self.error

    def result(self) -> None:
        """Wait for it."""
        while not self._is_done:
            self.world.pause(0.05)
        if self.error is not None:
            raise self.error


class SimulatedRecorder(FlightRecorder):
    """The recorder of a process that may be killed: its lock is free then, and the file keeps the last words."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        assert self.world.current is not None
        self.world.current.process.recorders.append(self)

    def catch_faults(self) -> None:
        """Leave the signals of this process alone."""

    def end_when_late(self, limit_s: float) -> None:
        """Leave it to the watchdog thread."""

    def note(self, **facts: Any) -> None:
        """Write down some facts, if one still can."""
        self.world.check_alive()
        super().note(**facts)

    def close(self) -> None:
        """Take the file away, if one still can."""
        self.world.check_alive()
        super().close()

    @property
    def is_open(self) -> bool:
        """Whether it is locked."""
        return self._descriptor >= 0

    def drop(self) -> None:
        """End as the kernel ends it: unlocked, with its last words."""
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1


def recorder_class(world: World) -> type[SimulatedRecorder]:
    """Make the recorders of one world."""
    return type("Recorder", (SimulatedRecorder,), {"world": world})


class SimulatedPopen:
    """Stands for subprocess.Popen: of its programs the world has the cluster alone."""

    def __init__(self, world: World, send: Callable[[Process, int], None], arguments: list[str]) -> None:
        _python, *_options, _module, token, queue_name, size, parent_pid = arguments
        world.check_alive()
        assert world.current is not None
        self._world, self._send = world, send
        parent = world.current.process
        self._process = world.start(
            "cluster",
            parent.host,
            lambda _process: cluster.main(token, queue_name, int(size), int(parent_pid)),
            parent,
        )

    @property
    def returncode(self) -> int | None:
        """Give its exit code; None while it lives."""
        return self._process.exit_code if self._process.is_dead else None

    def poll(self) -> int | None:
        """Give its exit code; None while it lives."""
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        self._world.check_alive()
        self._world.kill(self._process, -9)

    def wait(self) -> int | None:
        """Give the exit code of one that was killed."""
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        self._world.check_alive()
        self._send(self._process, 15)


class SimulatedFork:
    """Stands for the Process of multiprocessing: a worker that its cluster has forked."""

    def __init__(
        self,
        world: World,
        send: Callable[[Process, int], None],
        target: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        self._world, self._send, self._act = world, send, lambda _process: target(*args)
        self._process: Process

    def start(self) -> None:
        """Let it take its first step soon."""
        self._world.check_alive()
        assert self._world.current is not None
        parent = self._world.current.process
        self._process = self._world.start("worker", parent.host, self._act, parent)

    @property
    def pid(self) -> int:
        """Give its number."""
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """Give its exit code; None while it lives."""
        return self._process.exit_code if self._process.is_dead else None

    def is_alive(self) -> bool:
        """Whether it lives."""
        return not self._process.is_dead

    def terminate(self) -> None:
        """Ask it to end."""
        self._world.check_alive()
        if not self._process.is_dead:
            self._send(self._process, 15)
