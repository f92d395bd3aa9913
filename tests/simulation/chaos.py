"""What goes wrong in a world while it may: deaths, freezes, lost answers, messages that are doubled or lost, other photos."""

import signal
from typing import TYPE_CHECKING, Any

from django_q.models import OrmQ

from recovery import detection
from tests.simulation.actors import Reader
from tests.simulation.world import Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.simulation import Simulation

EVERY_S = 1.5
FREEZE_S_MAX = 25.0
CLOCK_JUMP_S = 7200.0
SOURCE_GONE_S_MAX = 6.0
ZOMBIE_S = 60.0
# How many of the frozen are buried at once, as after a long silence.
TAKEN_FOR_DEAD_SHARE = 0.7
# Below the three unexplained kills alone in flight that a photo is quarantined for (guarantee 9).
KILLS_ALONE_MAX = 2
DEEDS = {
    "kill_worker": 3,
    "kill_in_flight": 9,
    "kill_parent": 2,
    "kill_cluster": 1,
    "kill_host": 1,
    "kill_everything": 1,
    "stop_parent": 1,
    "freeze_worker": 1,
    "freeze_in_flight": 4,
    "freeze_host": 2,
    "lose_answer": 7,
    "lose_message": 2,
    "double_message": 2,
    "change_photo": 2,
    "lose_source": 1,
    "jump_clock": 1,
}
# How often what has gone on by itself at night is struck again, and how soon a blow falls: before a verdict.
STRUCK_AGAIN_SHARE = 0.9
BLOW_S_MAX = 1.0


class Chaos:
    """Does a deed now and then, and starts again what is missing on a host, as a person or a boot would."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation, self.world = simulation, simulation.world
        self.kills_alone: dict[tuple[int | None, int], int] = {}
        self.is_raging = True
        self.zombies: list[Process] = []

    def live(self, _process: Process) -> None:
        """Do deeds until told to stop; then only start what is missing."""
        chance = self.world.random
        while True:
            self.world.pause(chance.expovariate(1.0 / EVERY_S))
            if self.is_raging and not self.simulation.is_night:
                name = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
                deed: Callable[[], None] = getattr(self, f"_{name}")
                self.world.happened[name] += 1
                deed()
            if chance.random() < 0.4 or not self.is_raging:
                self._start_missing()

    def _start_missing(self) -> None:
        for host in self.simulation.hosts:
            if not self.world.living("parent-shared", host):
                self.simulation.start_serving(host)
        if not self.world.living("web"):
            self.world.start("web", self.simulation.hosts[0], Reader(self.world).live)

    def _choose(self, kind: str) -> Process | None:
        living = self.world.living(kind)
        return self.world.random.choice(living) if living else None

    def _kill(self, process: Process | None) -> None:
        if process is not None and not self._has_zombie(process) and self._may_die(process):
            self.world.kill(process, -9)

    def _has_zombie(self, process: Process) -> bool:
        """Spare who waits for its burial: a zombie is of use only when it wakes up."""
        return any(one in self.zombies for one in process.family)

    def _may_die(self, process: Process) -> bool:
        """Spare who has a photo alone in flight that two such kills have hit: the third would rightly count."""
        for worker in process.family:
            if worker.presence is None or worker.is_dead:
                continue
            flight = _flight_of(worker)
            if flight.get("alone") and flight.get("positions"):
                key = flight.get("batch"), flight["positions"][0]
                if self.kills_alone.get(key, 0) >= KILLS_ALONE_MAX:
                    return False
                self.kills_alone[key] = self.kills_alone.get(key, 0) + 1
        return True

    def _kill_worker(self) -> None:
        self._kill(self._choose("worker"))

    def _kill_in_flight(self) -> None:
        self._kill(self._in_flight())

    def _in_flight(self) -> Process | None:
        """Choose a worker that is at a photo, at one alone if there is one."""
        awake = [worker for worker in self.world.living("worker") if worker not in self.zombies]
        flying = [worker for worker in awake if _flight_of(worker).get("positions")]
        alone = [worker for worker in flying if _flight_of(worker)["alone"]]
        return self.world.random.choice(alone or flying) if flying else None

    def _kill_parent(self) -> None:
        self._kill(self._choose("parent"))

    def _kill_cluster(self) -> None:
        self._kill(self._choose("cluster"))

    def _kill_host(self) -> None:
        host = self.world.random.choice(self.simulation.hosts)
        for process in self.world.living("parent", host) + self.world.living("web", host):
            self._kill(process)

    def _kill_everything(self) -> None:
        for process in self.world.living("parent"):
            self._kill(process)

    def on_rescue(self) -> None:
        """At night, mostly strike again."""
        if self.simulation.is_night and self.world.random.random() < STRUCK_AGAIN_SHARE:
            self.world.happened["struck again"] += 1
            self.plan_blow()

    def plan_blow(self) -> None:
        """Let a process that is no part of what it strikes wait for a moment, and strike."""
        self.world.start("chaos-blow", "elsewhere", self._strike)

    def _strike(self, _process: Process) -> None:
        """Once something has begun, kill who serves all, which never counts against a photo, and start it again."""
        while not any(one.started_at for one in self.simulation.checker.before.sessions.values()):
            self.world.pause(BLOW_S_MAX)
        self.world.pause(self.world.random.uniform(0.0, BLOW_S_MAX))
        if not self.is_raging:
            return
        for process in self.world.living("parent-shared"):
            self.world.kill(process, -9)
        self.world.pause(self.world.random.uniform(0.0, BLOW_S_MAX))
        self._start_missing()

    def _stop_parent(self) -> None:
        parent = self._choose("parent")
        if parent is not None:
            self.simulation.stage.send(parent, signal.SIGTERM)

    def _freeze_worker(self) -> None:
        worker = self._choose("worker")
        if worker is not None:
            self.world.freeze(worker, self.world.random.uniform(0.5, FREEZE_S_MAX))

    def _freeze_in_flight(self) -> None:
        """Let a worker stand still at a photo until it is buried and another one has its batch."""
        worker = self._in_flight()
        if worker is None:
            return
        self.world.freeze(worker, ZOMBIE_S)
        self.zombies.append(worker)
        if self.world.random.random() < TAKEN_FOR_DEAD_SHARE:
            self.world.note(f"{worker.name} is taken for dead")
            detection.bury(worker.presence.row)

    def wake_zombies(self, batch: int) -> None:
        """Let those go on who believe that they hold a batch that was claimed just now."""
        for zombie in [one for one in self.zombies if _flight_of(one).get("batch") == batch]:
            self.zombies.remove(zombie)
            if not zombie.is_dead:
                self.world.thaw(zombie, self.world.random.uniform(0.0, 1.0))

    def _freeze_host(self) -> None:
        duration_s = self.world.random.uniform(0.5, FREEZE_S_MAX)
        host = self.world.random.choice(self.simulation.hosts)
        for process in self.world.living("", host):
            if process.name.startswith(("parent", "cluster", "worker")):
                self.world.freeze(process, duration_s)

    def _lose_answer(self) -> None:
        kind = self.world.random.choices(["worker", "parent", "person", "web"], [8, 1, 1, 1])[0]
        process = self._choose(kind)
        if process is not None:
            process.lost_answers.append(self.world.random.choice(["lands", "does not land"]))

    def _lose_message(self) -> None:
        for message in OrmQ.objects.order_by("pk")[:1]:
            self.world.note("a message is lost")
            message.delete()

    def _double_message(self) -> None:
        for message in OrmQ.objects.order_by("pk")[:1]:
            self.world.note("a message is doubled")
            OrmQ.objects.create(key=message.key, payload=message.payload, lock=message.lock)

    def _change_photo(self) -> None:
        self.simulation.change_photo()

    def _jump_clock(self) -> None:
        jump_s = self.world.random.choice([-CLOCK_JUMP_S, CLOCK_JUMP_S])
        self.world.note(f"the database's clock jumps by {jump_s} s")
        self.simulation.stage.clock_s += jump_s

    def _lose_source(self) -> None:
        """Let the disk of a session be gone for a while."""
        session = self.world.random.choice(self.simulation.session_ids)
        self.world.note(f"the source of {session[:4]} is gone")
        away = self.simulation.albums[session]
        away.move(away.folder.with_suffix(".away"))
        self.world.pause(self.world.random.uniform(1.0, SOURCE_GONE_S_MAX))
        away.move(away.folder)
        self.world.note(f"the source of {session[:4]} is back")


def _flight_of(worker: Process) -> dict[str, Any]:
    """Give what a worker says that it is at."""
    return {} if worker.presence is None else worker.presence.recorder.flight
