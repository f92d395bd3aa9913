"""Who lives in a world beside the workers: parents as the commands start them, and a web server that only looks."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from processing.management import attendance
from processing.models import ProcessingSession
from processing.models.session import Register
from processing.parent import Parent
from processing.worker import DATABASE_ERRORS, Watch, patiently
from recovery import checkpoints, detection
from recovery.automatic import Rescuer
from tests.simulation.seams import deciding
from tests.simulation.world import Process, World

LOOK_S = 6.0
# What a command prints is for nobody.
MUTE = SimpleNamespace(wants_json=True, emit=lambda *_published: None, note=lambda _text: None)


def new_parent(workers: int) -> Parent:
    """Make the parent that a command will be: it looks and buries first (design §3)."""
    watch = Watch()
    detection.look(None, watch)
    look = partial(detection.look, watch=watch)
    return Parent(workers=workers, look=look, alarm=checkpoints.sound_alarm)


class Serve:
    """`serve`: for all sessions until it is told to stop; `policy` is AUTO_RECOVER.

    `on_rescue` is told of each session that it lets go on by itself.
    """

    def __init__(self, world: World, workers: int, policy: str, on_rescue: Callable[[], None]) -> None:
        self.world, self.workers, self.policy, self.on_rescue = world, workers, policy, on_rescue

    def live(self, _process: Process) -> None:
        """Work; a database that fails at the start ends the command."""
        try:
            parent = new_parent(self.workers)
            parent.begin(parent.register)
            if self.policy != "off":
                parent.add_chore(partial(self._rescue, Rescuer(self.policy)))
            parent.run(is_over=lambda: False)
        except DATABASE_ERRORS as error:
            self.world.note(f"ends with {error}")

    def _rescue(self, rescuer: Rescuer) -> None:
        with deciding(self.world, "automatic"):
            for _session, _recovered in rescuer():
                self.world.happened["recovered by itself"] += 1
                self.on_rescue()


class Attend:
    """`process`, `resume --wait` and `recover --wait`: sets a session going and waits for its end with own workers."""

    def __init__(self, world: World, session_id: UUID, begin: Callable[[Register], object]) -> None:
        self.world, self.session_id, self.begin = world, session_id, begin

    def live(self, _process: Process) -> None:
        """Work for one session until it ends; what begins it may be refused."""
        try:
            parent = new_parent(1)
            with deciding(self.world, "person"):
                parent.begin(lambda: self.begin(parent.register))
            session = parent.insist(lambda: ProcessingSession.objects.get(pk=self.session_id))
            self.world.happened["attended"] += 1
            attendance.follow(MUTE, session, parent)
        except DATABASE_ERRORS as error:
            self.world.note(f"ends with {error}")


class Reader:
    """A web server: every reader of a status looks first."""

    def __init__(self, world: World) -> None:
        self.world, self.watch = world, Watch()

    def live(self, _process: Process) -> None:
        """Look for ever."""
        while True:
            self.world.pause(LOOK_S)
            patiently(lambda: detection.look(None, self.watch))
