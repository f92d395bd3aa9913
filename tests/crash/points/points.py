"""Every moment of an act at which a process may die, and what comes after each."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.crash.points.forks import Ended
from tests.crash.points.places import Place, copied
from tests.crash.points.scenes import KILLED, Scenes
from tests.crash.points.writes import AFTER, BEFORE, Point


@dataclass(frozen=True)
class Act:
    """What is killed: an act of a child in a scene. `is_whole`: it is one transaction, so there is no half of it."""

    name: str
    scene: str
    act: str
    is_whole: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    go_on: str = "go_on"


SWEPT = [
    Act("scan", "begun", "work", arguments={"goal": "running"}),
    Act("claim_commit_checkpoint", "listed", "work", arguments={"goal": "comparing"}),
    Act("compare", "measured", "work"),
    Act("bury", "killed", "look"),
    Act("continue", "interrupted", "recover", is_whole=True, arguments={"option": "continue"}),
    Act("restart_batch", "interrupted", "recover", is_whole=True, arguments={"option": "restart_batch"}),
    Act("fresh_start", "interrupted", "recover", is_whole=True, arguments={"option": "fresh_start"}),
    Act("back_to_checkpoint", "interrupted", "go_back", is_whole=True),
    Act("undo", "afresh", "undo", is_whole=True),
    Act("checkpoint_by_hand", "interrupted", "keep_by_hand", is_whole=True),
    Act("prune", "interrupted", "prune", is_whole=True),
    Act("override", "completed", "say_verdict", is_whole=True),
    Act("repair", "miscounted", "repair", is_whole=True),
    Act("pause", "listed", "pause", is_whole=True),
    Act("delete", "completed", "delete", go_on="go_on_deleting"),
]


class Sweep:
    """All points of one act on one database."""

    def __init__(self, scenes: Scenes, act: Act) -> None:
        """Nothing is done yet."""
        self._scenes, self._act = scenes, act
        self._forks, self._places = scenes.forks, scenes.places

    @cached_property
    def writes(self) -> list[str]:
        """The names of the act's writes, in their order."""
        return self._undisturbed[0]

    @property
    def points(self) -> list[Point]:
        """Before and after each write."""
        return [Point(number + 1, when) for number in range(len(self.writes)) for when in (BEFORE, AFTER)]

    def problems_at(self, point: Point) -> list[str]:
        """Kill the act at a point, go on, and give all that is wrong then."""
        _writes, states, expected = self._undisturbed
        with copied(self._places, self._scenes.get(self._act.scene)) as place:
            ended = self._forks.run(place, self._act.act, point=point, **self._act.arguments)
            if ended.exit_code != KILLED:
                return [f"The act ended with {ended.exit_code}: {ended.error or ended.writes}"]
            went_on = self._go_on(place, states)
        if went_on.exit_code != 0:
            return [f"Going on ended with {went_on.exit_code}: {went_on.error}"]
        after = went_on.answer
        different = [] if after["text"] == expected else ["The results are not those of an undisturbed run."]
        return [*after["problems"], *different]

    @cached_property
    def _undisturbed(self) -> tuple[list[str], list[str], str]:
        """Run the act once unharmed: its writes, the states before and after it, and the results in the end."""
        with copied(self._places, self._scenes.get(self._act.scene)) as place:
            before = self._forks.do(place, "tell_state")
            ended = self._forks.run(place, self._act.act, counts=True, **self._act.arguments)
            assert ended.exit_code == 0, ended.error
            states = [before, self._forks.do(place, "tell_state")] if self._act.is_whole else []
            went_on = self._go_on(place, states)
        assert went_on.exit_code == 0, went_on.error
        assert went_on.answer["problems"] == [], went_on.answer["problems"]
        return ended.writes, states, went_on.answer["text"]

    def _go_on(self, place: Place, states: list[str]) -> Ended:
        return self._forks.run(
            place, self._act.go_on, name=self._act.act, arguments=self._act.arguments, states=states
        )
