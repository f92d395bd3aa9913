"""Holds what is stored against the guarantees of design §4, after every step that wrote."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from processing import digests
from tests.simulation.parent_rules import PARENT_RULES
from tests.simulation.reading import BatchRow, ResultRow, Stored, as_instant, read_all
from tests.simulation.recovery_rules import RECOVERY_RULES
from tests.simulation.rules import RULES
from tests.simulation.world import Thread, Violation

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Checker:
    """Remembers what was stored before a step, and compares."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation, self.world = simulation, simulation.world
        self.before = read_all()
        self.checks_count = 0
        # The live rows of before each recovery, which its undo must bring back.
        self.live_before: dict[tuple[str, int], set[int]] = {}
        # Every checkpoint that ever was: one may be pruned between a person's look and the act.
        self.last_results: dict[str, int] = {}
        # Verdicts that are not stored yet, by batch and lease; shared with the stage, which adds them.
        self.at_risk = simulation.stage.at_risk
        # When each recovery was carried out, and each process registered; by the world's time, which no clock moves.
        self.attempted_at: dict[int, float] = {}
        self.registered_at: dict[int, float] = {}
        self._digests: dict[tuple[Any, ...], bytes] = {}

    def check(self, thread: Thread, written: Iterable[str]) -> None:
        """Check what a step has left."""
        after = self.before.after(written)
        self.checks_count += 1
        self.last_results |= {pk: row.last_result or 0 for pk, row in after.checkpoints.items()}
        for pk in after.results.keys() - self.before.results.keys():
            row = after.results[pk]
            self.at_risk.get((row.batch, row.lease), set()).discard(row.position)
        for noted, keys in ((self.attempted_at, after.attempts), (self.registered_at, after.workers)):
            noted |= dict.fromkeys(keys - noted.keys(), self.world.now)
        for rule in (*RULES, *PARENT_RULES, *RECOVERY_RULES):
            wrong = rule(self, self.before, after, thread)
            if wrong:
                raise Violation(self.world, f"{rule.__name__.replace('_', ' ')}: {wrong}")
        self._tally(after)
        self.before = after

    def _tally(self, after: Stored) -> None:
        """Count what happened, so that a test can tell whether worlds are as full of trouble as they should be."""
        happened = self.world.happened
        for pk, attempt in after.attempts.items():
            old = self.before.attempts.get(pk)
            if old is None:
                happened[attempt.option if attempt.checkpoint is None else "checkpoint"] += 1
            elif old.undone_at != attempt.undone_at:
                happened["undone"] += 1
        for pk, row in after.results.items():
            happened["quarantined"] += row.verdict == "quarantined" and pk not in self.before.results
            happened["revived"] += (
                pk in self.before.results
                and self.before.results[pk].superseded_by is not None
                and row.superseded_by is None
            )

    def digest_of(self, batch: BatchRow, rows: list[ResultRow]) -> bytes:
        """Chain the live rows of a batch; what was chained before is remembered."""
        if not rows:
            return digests.EMPTY
        key = (batch.pk, *(row.pk for row in rows))
        if key not in self._digests:
            last = rows[-1]
            link = (last.pk, as_instant(last.created_at), bytes(last.mac))
            self._digests[key] = digests.extend(self.digest_of(batch, rows[:-1]), batch.pk, [link])
        return self._digests[key]

    def is_stale(self, row: ResultRow, since: float | None = None) -> bool:
        """Whether a result is not of the present file; with an instant: and was not then."""
        return self.simulation.albums[row.session].is_stale(row.position, row, since)
