"""One seed from its first step to its last: what lives in it, what is checked, and how it has to end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from processing.models import ProcessingSession
from recovery.audit_verification import Reading
from recovery.models import Checkpoint
from recovery.seal import problem_of
from tests.simulation.actors import Reader, Serve
from tests.simulation.chaos import Chaos
from tests.simulation.checker import Checker
from tests.simulation.person import Person
from tests.simulation.photos import POISONS, RULES, Album, draw_album
from tests.simulation.reading import Stored
from tests.simulation.stage import Stage, staged
from tests.simulation.world import Thread, Violation, World

RAGE_S = 20.0
SECOND_SESSION_SHARE = 0.2
POLICIES = ("off", "off", "safe", "always")
# At night nobody is at the desk: what is interrupted goes on by itself, and is struck again and again, beside a
# command that works for a session of its own.
NIGHT_SHARE = 0.12
NIGHT_POLICIES = ("safe", "always")
NIGHT_S = 40.0
CALM_S_MAX = 400.0
CHECKPOINT_INTERVAL = 2


class Simulation:
    """The sessions of one world, and who is at them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.world
        self.is_night = stage.world.random.random() < NIGHT_SHARE
        # On two, who starts on one goes on with what died on the other, and nothing is interrupted (design §3).
        self.hosts = ["atelier"] if self.is_night else ["atelier", "cellar"]
        self.policy = stage.world.random.choice(NIGHT_POLICIES if self.is_night else POLICIES)
        self.albums: dict[str, Album] = {}
        self.poisons: set[tuple[str, int]] = set()
        chance = self.world.random
        self._add_session(chance.randint(5, 8), chance.randint(3, 4), chance.choice([0, 0, 1, 1, 2]))
        if chance.random() < SECOND_SESSION_SHARE:
            self._add_session(chance.randint(2, 3), 2, 0)
        self.checker = Checker(self)
        self.chaos, self.person = Chaos(self), Person(self)
        self.world.after_step = self._after_step

    def start_serving(self, host: str) -> None:
        """Start the parent that serves all sessions on a host."""
        workers = self.world.random.choice([1, 2])
        serve = Serve(self.world, workers, self.policy, self.chaos.on_rescue)
        self.world.start("parent-shared", host, serve.live)

    @property
    def session_ids(self) -> list[str]:
        """The keys of the sessions that were created, the oldest first."""
        return [pk for pk in self.albums if pk in self.checker.before.sessions]

    @property
    def contents(self) -> dict[str, bytes]:
        """Every content that a photo ever had, by its hash."""
        return {sha256: data for album in self.albums.values() for sha256, data in album.known.items()}

    def _add_session(self, *size: int) -> None:
        ProcessingSession.start(**self.draw_session(*size))

    def draw_session(self, photos_count: int, batch_size: int, poisons_count: int) -> dict[str, Any]:
        """Fill a folder, and give the columns of a session of it."""
        folder = self.stage.place / f"photos-{len(self.albums)}"
        album = draw_album(folder, self.world, photos_count)
        poisons = self.world.random.sample(range(photos_count), poisons_count)
        for position in poisons:
            album.write(position, f"{self.world.random.choice(POISONS)} {position}".encode())
        pk = uuid4()
        self.albums[pk.hex] = album
        self.poisons |= {(pk.hex, position) for position in poisons}
        return {
            "id": pk,
            "name": folder.name,
            "source": str(folder),
            "source_path": bytes(folder),
            "preset_name": "Adobe Stock",
            "preset": RULES,
            "batch_size": batch_size,
            "checkpoint_interval": CHECKPOINT_INTERVAL,
        }

    def was_poison(self, session: str, position: int) -> bool:
        """Whether a photo is poison."""
        return (session, position) in self.poisons

    def change_photo(self) -> None:
        """Give a photo that is no poison another content, or take it away; once all names are listed."""
        chance = self.world.random
        session = chance.choice(self.session_ids)
        album = self.albums[session]
        position = chance.randrange(len(album.names))
        if (session, position) in self.poisons or self.checker.before.sessions[session].stage == "scanning":
            return
        kind = chance.choices(["sharp", "blurred", "torn", "gone"], [4, 2, 1, 1])[0]
        self.world.note(f"photo {position} of {session[:4]} becomes {kind}")
        if kind == "gone":
            album.remove(position)
        else:
            album.write(position, f"{kind} {position} at {self.world.now:.3f}".encode())

    def subject_of(self, thread: Thread, _before: Stored, _after: Stored) -> str | None:
        """Give the session that a step is for; None when it is for all."""
        return None if thread.name not in ("main", "writer") else thread.process.subject

    def _after_step(self, thread: Thread) -> None:
        if self.stage.written:
            before = self.checker.before.batches
            self.checker.check(thread, self.stage.written)
            for batch in self.checker.before.batches.values():
                if batch.status == "leased" and before[batch.pk].status != "leased":
                    self.chaos.wake_zombies(batch.pk)
            self.stage.written.clear()

    def run(self) -> None:
        """Let faults rage, then let everything come to its end, and look at what came of it."""
        world = self.world
        for host in self.hosts:
            self.start_serving(host)
        world.start("web", self.hosts[0], Reader(world).live)
        world.start("chaos", "elsewhere", self.chaos.live)
        world.start("people", "elsewhere", self.person.live)
        if self.is_night:
            self.chaos.plan_blow()
        world.run(self._is_over, NIGHT_S if self.is_night else RAGE_S)
        self._calm_down()
        if not world.run(self._is_over, world.now + CALM_S_MAX):
            raise Violation(world, f"Faults have stopped, and sessions do not end: {self._open_sessions()}")
        self._check_end()

    def _calm_down(self) -> None:
        self.world.note("faults stop")
        self.chaos.is_raging = self.person.is_playing = self.stage.faults = False
        for process in self.world.living():
            process.lost_answers.clear()
            if process.frozen_until > self.world.now:
                self.world.thaw(process, 0.0)

    def _is_over(self) -> bool:
        return not self._open_sessions()

    def _open_sessions(self) -> list[object]:
        return [session for session in self.checker.before.sessions.values() if not session.is_over]

    def _check_end(self) -> None:
        for session in self.checker.before.sessions.values():
            positions = {row.position for row in self.checker.before.live_of(session.pk)}
            photos = set(range(len(self.albums[session.pk].names)))
            if session.stage == "completed" and positions != photos:
                raise Violation(self.world, f"completed with {positions} of {photos}")
        touched = [album.folder.name for album in self.albums.values() if not album.is_untouched()]
        if touched:
            raise Violation(self.world, f"originals of {touched} are not as they were written")
        self._check_evidence()

    def _check_evidence(self) -> None:
        """Guarantees 10 and 13: every checkpoint is as it was sealed, and so is the whole audit log."""
        problems: list[object] = [problem.text for problem in Reading().problems()]
        for checkpoint in Checkpoint.objects.order_by("pk"):
            problem = problem_of(checkpoint)
            problems += [] if problem is None else [f"{checkpoint}: {problem}"]
        if problems:
            raise Violation(self.world, f"the evidence is damaged: {problems}")


def simulate(seed: int, place: Path, renew: Callable[[], None]) -> World:
    """Run one seed on an emptied database; raises Violation with the trace."""
    renew()
    world = World(seed)
    with staged(world, place / str(seed)) as stage:
        Simulation(stage).run()
    return world
