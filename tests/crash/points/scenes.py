"""Prepared places: a session just begun, listed, half done and killed, interrupted, started afresh, completed."""

from collections.abc import Callable
from pathlib import Path

from processing.states import Stage
from tests.crash.points.forks import Forks
from tests.crash.points.places import Place, Places
from tests.crash.victim import Deed

# Two batches' worth of commits and one more: the second batch is half done when the worker dies.
THIRD_COMMIT = Deed("processing.models.batch.Batch.commit", "after", call=3, process="parent")
KILLED = -9


class Scenes:
    """The prepared places of one database, each made when it is first needed."""

    def __init__(self, forks: Forks, places: Places, empty: Place, photos: Path) -> None:
        """Make them of a migrated database without a session."""
        self.forks, self.places = forks, places
        self._empty, self._photos = empty, photos
        self._made: dict[str, Place] = {}

    def get(self, name: str) -> Place:
        """Give a scene; act on copies of it only."""
        if name not in self._made:
            before, make = MAKERS[name]
            place = self.places.copy(self.get(before) if before else self._empty)
            make(self, place)
            self._made[name] = place
        return self._made[name]

    def begin(self, place: Place) -> None:
        """Start a session over the photos."""
        self.forks.do(place, "begin", source=str(self._photos))

    def work_to(self, place: Place, stage: Stage) -> None:
        """Work until a stage."""
        self.forks.do(place, "work", goal=stage.value)

    def work_until_killed(self, place: Place) -> None:
        """Work until the third commit has landed, then die."""
        (place.var / THIRD_COMMIT.name).unlink(missing_ok=True)
        ended = self.forks.run(place, "work", deeds=(THIRD_COMMIT,))
        assert ended.exit_code == KILLED, ended.error

    def look(self, place: Place) -> None:
        """Bury the dead."""
        self.forks.do(place, "look")

    def start_afresh(self, place: Place) -> None:
        """Start afresh, and be killed again."""
        self.forks.do(place, "recover", option="fresh_start")
        self.work_until_killed(place)
        self.look(place)

    def miscount(self, place: Place) -> None:
        """Spoil what can be mended."""
        self.forks.do(place, "miscount")


Maker = Callable[[Scenes, Place], None]
MAKERS: dict[str, tuple[str, Maker]] = {
    "begun": ("", Scenes.begin),
    "listed": ("begun", lambda scenes, place: scenes.work_to(place, Stage.RUNNING)),
    "killed": ("listed", Scenes.work_until_killed),
    "interrupted": ("killed", Scenes.look),
    "afresh": ("interrupted", Scenes.start_afresh),
    "measured": ("listed", lambda scenes, place: scenes.work_to(place, Stage.COMPARING)),
    "completed": ("measured", lambda scenes, place: scenes.work_to(place, Stage.COMPLETED)),
    "miscounted": ("completed", Scenes.miscount),
}
