"""What people ask for: each act is a process of its own, as a command is, and may be killed in the middle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from processing.models import ProcessingSession
from processing.models.session import Register
from processing.overriding import NoVerdictYet, override, withdraw
from processing.worker import DATABASE_ERRORS, Watch
from recovery import acts, audit, detection
from recovery.models import Checkpoint, RecoveryAttempt
from recovery.plans import Option, RecoveryOption, prepare_recovery_options
from recovery.resume import NotSafe, execute_recovery
from recovery.undo import rollback_recovery
from tests.simulation.actors import Attend
from tests.simulation.seams import deciding
from tests.simulation.world import Process, Violation

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

EVERY_S = 4.0
THINKING_S_MAX = 3.0
ACTS = {
    "pause": 8,
    "resume": 4,
    "recover": 11,
    "attend": 3,
    "process": 1.5,
    "undo": 6,
    "override": 3,
    "withdraw": 1,
    "checkpoint": 1,
    "cancel": 0.2,
}
# What is left to itself in the evening.
NIGHT_ACTS = {"process": 1}
# Each costs a cluster, so there is one at a time.
ATTENDED_MAX, PROCESSED_MAX = 1, 2
CHECKPOINT_SHARE = 0.4
SHOWN_SHARE = 0.25
REGRET_SHARE = 0.4
REFUSALS = (*audit.REFUSALS, NoVerdictYet)


@dataclass(frozen=True)
class Shown:
    """An option as a person saw it, and what it was made of."""

    option: Option
    live: set[int]
    changes_count: int
    found_count: int


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
            if self.is_playing:
                session_id = chance.choice(self.simulation.session_ids)
                acts_of_now = NIGHT_ACTS if self.simulation.is_night else ACTS
                name = chance.choices(list(acts_of_now), list(acts_of_now.values()))[0]
                self._ask(name, session_id)
            else:
                for one in self.simulation.session_ids:
                    self._ask("help", one)

    def _ask(self, name: str, session_id: str) -> None:
        if name in ("attend", "process"):
            self._attend(session_id if name == "attend" else None)
            return
        act: Callable[[ProcessingSession], object] = getattr(self, "_" + name)
        self.world.start(f"person-{name}", "desk", lambda process: self._carry_out(process, act, session_id))

    def _carry_out(
        self, process: Process, act: Callable[[ProcessingSession], object], session_id: str
    ) -> None:
        """Look first, as every command does, then act; a refusal is an answer."""
        with self._answered():
            detection.look(None, Watch())
            session = ProcessingSession.objects.get(pk=UUID(session_id))
            process.subject = session_id
            with deciding(self.world, "person"):
                act(session)
            self.world.happened[f"{process.name.split('-')[1]} done"] += 1

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Take a refusal and a failing database for an answer."""
        try:
            yield
        except NotSafe as refusal:
            raise Violation(
                self.world, f"refused as not safe, and nobody changed a row: {refusal}"
            ) from refusal
        except REFUSALS as refusal:
            self.world.note(f"is refused: {refusal}")
        except DATABASE_ERRORS as error:
            self.world.note(f"gives up: {error}")

    def _attend(self, session_id: str | None) -> None:
        """Start a command that waits for a session's end: for an old one, or for a new one."""
        world = self.world
        if len(world.living("parent-own")) >= ATTENDED_MAX:
            return
        if session_id is None and len(self.simulation.albums) > PROCESSED_MAX:
            return
        host = world.random.choice(self.simulation.hosts)
        attend = self._process() if session_id is None else self._take_up(UUID(session_id))
        world.start("parent-own", host, partial(self._live_attending, attend))

    def _live_attending(self, attend: Attend, process: Process) -> None:
        with self._answered():
            attend.live(process)

    def _process(self) -> Attend:
        chance = self.world.random
        columns = self.simulation.draw_session(chance.randint(2, 4), 2, 0)

        def begin(register: Register) -> None:
            ProcessingSession.start(register=register, **columns)
            self.world.happened["processed alone"] += 1

        return Attend(self.world, columns["id"], begin)

    def _take_up(self, session_id: UUID) -> Attend:
        """Do what the session's state asks for, as `resume --wait` and `recover --wait` do."""

        def begin(register: Register) -> None:
            session = ProcessingSession.objects.get(pk=session_id)
            if session.hold == "paused":
                acts.resume(session, actor="ada", register=register)
            elif session.status.value in ("interrupted", "failed"):
                execute_recovery(session, RecoveryOption.CONTINUE, by="ada", register=register)
            else:
                acts.take_up(session, actor="ada", register=register)

        return Attend(self.world, session_id, begin)

    def _think(self) -> None:
        self.world.pause(self.world.random.uniform(0.0, THINKING_S_MAX))

    def _pause(self, session: ProcessingSession) -> None:
        acts.pause(session, actor="ada", why="lunch")

    def _resume(self, session: ProcessingSession) -> None:
        acts.resume(session, actor="ada")

    def _cancel(self, session: ProcessingSession) -> None:
        acts.cancel(session, actor="ada")

    def _recover(self, session: ProcessingSession) -> None:
        """Look at the options, think, and carry one out as it was shown."""
        chance = self.world.random
        checkpoint = self._choose_checkpoint(session) if chance.random() < CHECKPOINT_SHARE else None
        option = chance.choice(list(RecoveryOption)) if checkpoint is None else RecoveryOption.CONTINUE
        if chance.random() < SHOWN_SHARE:
            self._show(session, option, checkpoint)
        else:
            execute_recovery(session, option, user_confirmed=True, by="ada", checkpoint=checkpoint)
        if chance.random() < REGRET_SHARE:
            self._think()
            self._undo(session)

    def _show(
        self, session: ProcessingSession, option: RecoveryOption, checkpoint: Checkpoint | None = None
    ) -> None:
        before = self._seen(session)
        shown = next(o for o in prepare_recovery_options(session, checkpoint) if o.option == option)
        if before == self._seen(session):
            self.world.current.process.shown = Shown(shown, *before)
        self._think()
        if shown.available:
            execute_recovery(
                session, option, user_confirmed=True, by="ada", attempt=shown.attempt, checkpoint=checkpoint
            )

    def _seen(self, session: ProcessingSession) -> tuple[set[int], int, int]:
        """Give what an option is made of."""
        stored = self.simulation.checker.before
        live = {row.pk for row in stored.live_of(session.pk.hex)}
        found_count = stored.sessions[session.pk.hex].found_count
        return live, self.simulation.albums[session.pk.hex].changes_count, found_count

    def _choose_checkpoint(self, session: ProcessingSession) -> Checkpoint | None:
        checkpoints = list(Checkpoint.objects.usable_first(session))
        return self.world.random.choice(checkpoints) if checkpoints else None

    def _undo(self, session: ProcessingSession) -> None:
        """Undo the newest recovery, or a deeper one with all that stand on it."""
        attempts = RecoveryAttempt.objects.filter(session=session, undone_at=None).order_by("-number")
        numbers = list(attempts.values_list("number", flat=True))
        if numbers:
            rollback_recovery(session, self.world.random.choice(numbers[:3]), by="ada")

    def _override(self, session: ProcessingSession) -> None:
        self._say(session, self.world.random.choice(["approved", "rejected"]))

    def _withdraw(self, session: ProcessingSession) -> None:
        self._say(session, "")

    def _say(self, session: ProcessingSession, verdict: str) -> None:
        positions = [row.position for row in self.simulation.checker.before.live_of(session.pk.hex)]
        chosen = self.world.random.sample(positions, min(len(positions), 2))
        with audit.audited("override", actor="ada", session=session.pk):
            if verdict:
                override(session, chosen, verdict, by="ada")
            else:
                withdraw(session, chosen, by="ada")

    def _checkpoint(self, session: ProcessingSession) -> None:
        Checkpoint.objects.create_session_checkpoint(session, "manual", note="before lunch")

    def _help(self, session: ProcessingSession) -> None:
        """Bring a session that stands still on its way."""
        if session.hold == "paused":
            acts.resume(session, actor="ada")
        elif session.status.value in ("interrupted", "failed"):
            execute_recovery(session, RecoveryOption.CONTINUE, by="ada")
