"""What people ask for: each act is a process of its own, as a command is, and may be killed in the middle."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from processing.models import ProcessingSession, StepRefused
from processing.worker import DATABASE_ERRORS, Watch
from recovery import detection
from recovery.resume import execute_continue
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

EVERY_S = 4.0
THINKING_S_MAX = 3.0
ACTS = {"pause": 3, "resume": 3, "recover": 6, "cancel": 0.2}
REFUSALS = (StepRefused,)


class Person:
    """Asks for something now and then; when the faults are over, only for what brings a session to its end."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation, self.world = simulation, simulation.world
        self.is_playing = True
        self.is_calm = False

    def live(self, _process: Process) -> None:
        """Start one act after another."""
        chance = self.world.random
        while True:
            self.world.pause(chance.expovariate(1.0 / EVERY_S))
            session_id = chance.choice(self.simulation.session_ids)
            if self.is_playing:
                name = chance.choices(list(ACTS), list(ACTS.values()))[0]
                self._ask(name, session_id)
            else:
                for one in self.simulation.session_ids:
                    self._ask("help", one)

    def _ask(self, name: str, session_id: str) -> None:
        act: Callable[[ProcessingSession], object] = getattr(self, "_" + name)
        self.world.start(f"person-{name}", "desk", lambda process: self._carry_out(process, act, session_id))

    def _carry_out(
        self, process: Process, act: Callable[[ProcessingSession], object], session_id: str
    ) -> None:
        """Look first, as every command does, then act; a refusal is an answer."""
        try:
            detection.look(None, Watch())
            session = ProcessingSession.objects.get(pk=UUID(session_id))
            process.subject = session_id
            act(session)
        except REFUSALS as refusal:
            self.world.note(f"is refused: {refusal}")
        except DATABASE_ERRORS as error:
            self.world.note(f"gives up: {error}")

    def _think(self) -> None:
        self.world.pause(self.world.random.uniform(0.0, THINKING_S_MAX))

    def _pause(self, session: ProcessingSession) -> None:
        session.pause("ada", "lunch")

    def _resume(self, session: ProcessingSession) -> None:
        session.resume()

    def _cancel(self, session: ProcessingSession) -> None:
        session.cancel("ada")

    def _recover(self, session: ProcessingSession) -> None:
        execute_continue(session, by="ada")

    def _help(self, session: ProcessingSession) -> None:
        """Bring a session that stands still on its way."""
        if session.hold == "paused":
            session.resume()
        elif session.status.value in ("interrupted", "failed"):
            execute_continue(session, by="ada")
