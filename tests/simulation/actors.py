"""Who lives in a world: parents with their workers, as the commands start them, and a web server that only looks."""

from functools import partial

from processing import queue, tasks
from processing.sweep import sweep
from processing.worker import DATABASE_ERRORS, Presence, Watch, patiently
from recovery import detection
from tests.simulation.photos import FakePipeline
from tests.simulation.stage import SimulatedEvent
from tests.simulation.world import Process, World

TICK_S = 2.0
SWEEP_S = 5.0
LOOK_S = 6.0


class Parent:
    """A parent process as `processing.parent` runs one, with its cluster in the same process."""

    def __init__(self, world: World, workers: int) -> None:
        self.world, self.workers = world, workers
        self.draining = SimulatedEvent(world)

    def live(self, process: Process) -> None:
        """Register, keep workers, sweep, bury children that die; until asked to drain."""
        process.draining = self.draining
        process.presence = self._register()
        swept = 0.0
        while not self.draining.is_set():
            self._tend(process)
            if self.world.now - swept >= SWEEP_S:
                swept = self.world.now
                self._sweep(process)
            self.world.pause(TICK_S)
        self._end(process)

    def _register(self) -> Presence:
        """Look and bury first, then be one of the living (design §3)."""
        watch = Watch()
        patiently(partial(detection.look, None, watch))
        presence = _registered()
        presence.start_beating(lambda: detection.look(presence.row, watch))
        return presence

    def _tend(self, process: Process) -> None:
        """Bury the children that died, whose exit codes only their parent knows, and replace them."""
        for child in [one for one in process.children if one.is_dead]:
            if child.exit_code:
                patiently(partial(tasks.on_worker_death, process.presence.row.pk, child.pid, child.exit_code))
            process.children.remove(child)
        while len(process.children) < self.workers and not self.draining.is_set():
            parent_id = process.presence.row.pk
            self.world.start("worker", process.host, Labor(self.world, parent_id).live, process)

    def _sweep(self, process: Process) -> None:
        try:
            if process.presence.buried.is_set():
                self._register_anew(process)
            sweep(process.presence.row, queue.SHARED_QUEUE)
        except DATABASE_ERRORS:
            self.world.note("sweep failed")

    def _register_anew(self, process: Process) -> None:
        """Others took this process for dead: its workers are fenced, so they end, and it begins again."""
        for child in process.children:
            self.world.kill(child, -9)
        process.children.clear()
        buried, process.presence = process.presence, self._register()
        patiently(buried.end)

    def _end(self, process: Process) -> None:
        for child in process.children:
            child.draining.set()
        while any(not child.is_dead for child in process.children):
            self.world.pause(TICK_S)
        patiently(process.presence.end)


def _registered() -> Presence:
    presence = Presence()
    patiently(presence.register)
    return presence


class Labor:
    """A worker process, as `processing.tasks.labor` and django-q2's loop run one."""

    def __init__(self, world: World, parent_id: int) -> None:
        self.world, self.parent_id = world, parent_id

    def live(self, process: Process) -> None:
        """Take calls and run lanes; register anew when buried by mistake."""
        draining = SimulatedEvent(self.world)
        process.draining = draining
        process.pipeline = FakePipeline(self.world)
        while not draining.is_set():
            come = partial(tasks._come_alive, self.parent_id, draining)
            process.presence = presence = patiently(come, draining.is_set)
            if presence is None:
                return
            tasks._presence = presence
            with presence.last_words():
                self._take_calls(process, presence)
                patiently(presence.end)

    def _take_calls(self, process: Process, presence: Presence) -> None:
        inbox = queue.Inbox(queue.SHARED_QUEUE, lambda: presence.wants_to_stop)
        while (task := inbox.get()) != queue.STOP:
            process.subject = task["args"][0].replace("-", "")
            tasks.run_lane(*task["args"])
            process.subject = None


class Reader:
    """A web server: every reader of a status looks first."""

    def __init__(self, world: World) -> None:
        self.world, self.watch = world, Watch()

    def live(self, _process: Process) -> None:
        """Look for ever."""
        while True:
            self.world.pause(LOOK_S)
            patiently(lambda: detection.look(None, self.watch))
