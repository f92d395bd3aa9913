"""Simulated processes and the time they live in: one thread of one process takes one step after another, by a seed."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

# What a step may cost in all before a run counts as one that never ends.
STEPS_MAX = 60_000
TRACE_SHOWN = 150


class Killed(BaseException):
    """Ends a process as SIGKILL does: nothing catches it, and what runs on the way out can touch nothing any more."""


class Violation(Exception):
    """A guarantee did not hold; the text has the seed and the trace."""

    def __init__(self, world: "World", what: str) -> None:
        self.what, self.seed = what, world.seed
        super().__init__(f"seed {world.seed}, step {world.steps}: {what}\n{world.last_steps()}")


@dataclass(eq=False)
class Process:
    """One process on one host; its threads die and freeze with it."""

    name: str
    host: str
    pid: int
    parent: "Process | None" = None
    # What `processing.tasks` keeps in globals of its process.
    presence: Any = None
    queue_name: str = ""
    pipeline: Any = None
    # What it does when it gets a signal, and whether it was asked to stop.
    handlers: dict[int, Any] = field(default_factory=dict)
    is_stopping: bool = False
    # The session that its main thread works for; None when for none, or for all.
    subject: str | None = None
    started: float = 0.0
    # What a person was shown before the act.
    shown: Any = None
    recorders: list[Any] = field(default_factory=list)
    exit_code: int | None = None
    is_dead: bool = False
    frozen_until: float = 0.0
    # What the next commits of this process meet: "lands", "does not land".
    lost_answers: list[str] = field(default_factory=list)
    threads: list["Thread"] = field(default_factory=list)
    children: list["Process"] = field(default_factory=list)

    @property
    def family(self) -> list["Process"]:
        """List it and all that it started, and so on."""
        return [self, *(one for child in self.children for one in child.family)]


class Thread:
    """One thread of a process: a greenlet that steps when its time has come."""

    def __init__(self, process: Process, name: str, act: Callable[[], object], hub: greenlet) -> None:
        self.process, self.name, self.act = process, name, act
        self.is_over = False
        # For whom this thread acts: "person", "automatic", or nobody.
        self.decides = ""
        self.decides_since = 0.0
        self.has_decided = False
        self.ticket = 0
        self.greenlet = greenlet(self._run, hub)

    def _run(self) -> object:
        try:
            return self.act()
        except (Killed, GreenletExit):
            return None
        finally:
            self.is_over = True

    def __repr__(self) -> str:
        return f"{self.process.name}.{self.name}"


class World:
    """The scheduler, the clock and the trace."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.happened: Counter[str] = Counter()
        self.trace: list[tuple[float, str, str]] = []
        self.processes: list[Process] = []
        self.current: Thread | None = None
        self.before_step: Callable[[Thread], None] = lambda _thread: None
        self.after_step: Callable[[Thread], None] = lambda _thread: None
        self._dying: list[Process] = []
        self._queue: list[tuple[float, int, Thread]] = []
        self._pids = 1000
        self._ticket = 0
        self._hub = getcurrent()

    # --- processes ---

    def start(
        self, name: str, host: str, act: Callable[[Process], object], parent: Process | None = None
    ) -> Process:
        """Start a process with one thread."""
        self._pids += 1
        process = Process(f"{name}-{self._pids - 1000}", host, self._pids, parent, started=self.now)
        self.processes.append(process)
        if parent is not None:
            parent.children.append(process)
        self.note(f"{process.name} starts on {host}")
        self.spawn(process, "main", lambda: self._live(process, act))
        return process

    def _live(self, process: Process, act: Callable[[Process], object]) -> None:
        code = act(process)
        self._end(process, code if isinstance(code, int) else 0)
        self.note(f"ends with {process.exit_code}")

    def _end(self, process: Process, exit_code: int | None) -> None:
        """End a process: its children die with it, and its files are let go of."""
        process.is_dead, process.exit_code = True, exit_code
        self._dying.append(process)
        for child in process.children:
            self.kill(child, -9)
        for recorder in process.recorders:
            recorder.drop()

    def spawn(self, process: Process, name: str, act: Callable[[], object]) -> Thread:
        """Start a thread of a process."""
        thread = Thread(process, name, act, self._hub)
        process.threads.append(thread)
        self._schedule(thread, self.now)
        return thread

    def living(self, kind: str = "", host: str = "") -> list[Process]:
        """List the processes that live, frozen or not."""
        return [
            process
            for process in self.processes
            if not process.is_dead and process.name.startswith(kind) and process.host.startswith(host)
        ]

    def kill(self, process: Process, exit_code: int | None) -> None:
        """End a process and its children at once; what their threads had on the stack is let go after this step."""
        if process.is_dead:
            return
        self.note(f"{process.name} dies with {exit_code}")
        self._end(process, exit_code)

    def _let_go(self) -> None:
        """Unwind the stacks of the dead, on which nothing can be done any more."""
        while self._dying:
            for thread in self._dying.pop().threads:
                if thread.greenlet:
                    self.current = thread
                    thread.greenlet.throw(Killed)
                thread.is_over = True
        self.current = None

    def die(self, exit_code: int) -> None:
        """End the process of the current thread, as os._exit or a signal does."""
        assert self.current is not None
        self.kill(self.current.process, exit_code)
        raise Killed

    def freeze(self, process: Process, duration_s: float) -> None:
        """Let a process stand still, as SIGSTOP or a paused machine does."""
        self.note(f"{process.name} freezes for {duration_s:.1f} s")
        # A shorter freeze ends no longer one; `thaw` does.
        process.frozen_until = max(process.frozen_until, self.now + duration_s)

    def thaw(self, process: Process, delay_s: float) -> None:
        """Let a frozen process go on soon; its threads find their place in the queue."""
        self.note(f"{process.name} thaws in {delay_s:.1f} s")
        process.frozen_until = self.now + delay_s
        for thread in process.threads:
            if not thread.is_over:
                self._schedule(thread, process.frozen_until + self.random.random())

    # --- steps ---

    def check_alive(self) -> None:
        """Raise Killed in a thread of a dead process."""
        if self.current is not None and self.current.process.is_dead:
            raise Killed

    def pause(self, duration_s: float) -> None:
        """End the step of the current thread; the next begins after so long."""
        self.check_alive()
        thread = self.current
        assert thread is not None
        self._schedule(thread, self.now + duration_s)
        self._hub.switch()
        self.check_alive()

    def _schedule(self, thread: Thread, when: float) -> None:
        self._ticket += 1
        thread.ticket = self._ticket
        heapq.heappush(self._queue, (when, self._ticket, thread))

    def run(self, is_over: Callable[[], bool], until: float) -> bool:
        """Take steps until it is over; False when the time is up, or nobody lives any more."""
        while not is_over():
            if not self._queue or self.now > until:
                return False
            self._step()
        return True

    def _step(self) -> None:
        when, ticket, thread = heapq.heappop(self._queue)
        if thread.is_over or thread.process.is_dead or thread.ticket != ticket:
            return
        if thread.process.frozen_until > when:
            self._schedule(thread, thread.process.frozen_until + self.random.random())
            return
        self.now = max(self.now, when)
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Violation(self, "The run does not end.")
        self.current = thread
        if thread.has_decided:
            thread.decides, thread.has_decided = "", False
        self.before_step(thread)
        try:
            thread.greenlet.switch()
        except Violation:
            raise
        except Exception as error:
            raise Violation(self, f"{thread} ended with {type(error).__name__}: {error}") from error
        finally:
            self.current = None
        self._let_go()
        self.after_step(thread)

    def end(self) -> None:
        """Let go of everything that still lives."""
        self.after_step = lambda _thread: None
        for process in self.processes:
            self.kill(process, None)
        self._let_go()

    # --- what a person reads when a seed fails ---

    def note(self, what: str) -> None:
        """Write a step into the trace."""
        self.trace.append((self.now, repr(self.current) if self.current else "world", what))

    def last_steps(self) -> str:
        """Print the end of the trace."""
        lines = [f"{now:9.3f}  {who:24} {what}" for now, who, what in self.trace[-TRACE_SHOWN:]]
        return "\n".join(lines)
