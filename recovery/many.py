"""What became of several sessions that were recovered at once, kept for the page that says so."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from processing.models import ProcessingSession
from processing.models.session_set import SessionQuerySet
from recovery.automatic import Outcome


@dataclass(frozen=True, slots=True)
class OneOfMany:
    """One session: the numbers of its recovery under its attempt, or why it was left as it is."""

    session: ProcessingSession
    attempt: int | None
    keep: int
    redo: int
    left: int
    why: str


@dataclass(frozen=True, slots=True)
class Many:
    """All of them, those that go on first, and what they add up to."""

    going_on: list[OneOfMany]
    left_alone: list[OneOfMany]

    @property
    def keep(self) -> int:
        """Verdicts that were kept, in all."""
        return sum(one.keep for one in self.going_on)

    @property
    def redo(self) -> int:
        """Verdicts that are made again, in all."""
        return sum(one.redo for one in self.going_on)

    @property
    def left(self) -> int:
        """Photos that were left to do, in all."""
        return sum(one.left for one in self.going_on)


def many_of(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Write outcomes down, so that a page that is loaded again recovers nothing again."""
    return [_written(outcome) for outcome in outcomes]


def _written(outcome: Outcome) -> dict[str, Any]:
    done = outcome.recovered
    numbers = {name: getattr(done, name) if done else 0 for name in ("keep", "redo", "left")}
    attempt = done.attempt if done else None
    return {"session": str(outcome.session.pk), "attempt": attempt, "why": outcome.why, **numbers}


def stored_many(stored: Iterable[dict[str, Any]], visible: SessionQuerySet) -> Many:
    """Read them back; of a session that is gone since, nothing is said."""
    lines = list(stored)
    sessions = {str(one.pk): one for one in visible.filter(pk__in=[line["session"] for line in lines])}
    ones = [
        OneOfMany(**(line | {"session": sessions[line["session"]]}))
        for line in lines
        if line["session"] in sessions
    ]
    return Many([one for one in ones if one.attempt], [one for one in ones if not one.attempt])
