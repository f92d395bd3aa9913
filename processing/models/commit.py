"""What a commit has just written, as the seal is told of it inside the commit's transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from processing.models.batch import Batch
    from processing.models.session import ProcessingSession

COUNTERS = ("processed", "approved", "rejected", "unreadable", "quarantined")


def shifted(counters: Mapping[str, int], shift: Mapping[str, int]) -> dict[str, int]:
    """Turn counts of measured verdicts into counts of decisions."""
    return {name: count + shift.get(name, 0) for name, count in counters.items()}


@dataclass(frozen=True, slots=True)
class Commit:
    """What a transaction has just written; the seal makes a checkpoint of it before it ends.

    `finished` counts the photos of the session's finished batches by decision; `chain_head` is the seal of the
    batch's checkpoint before. `session` is None inside a batch, `committed_at` where there are no rows.
    """

    batch: "Batch"
    counters: Mapping[str, int]
    reason_counts: Mapping[str, int]
    sequence: int
    last_position: int | None
    last_result: int | None
    committed_at: "datetime | None"
    session: "ProcessingSession | None"
    processed_before: int
    finished: Mapping[str, int]
    stage: str
    digest: bytes
    chain_head: bytes

    @property
    def ends_batch(self) -> bool:
        """Whether the batch has no photo left; then the session's row is locked and counted up."""
        return self.session is not None

    @classmethod
    def without_results(cls, batch: "Batch", session: "ProcessingSession") -> "Commit":
        """Say to the seal that a scan or a comparison has ended, whose batches have no results of their own."""
        return cls(
            batch=batch,
            counters={},
            reason_counts={},
            sequence=batch.sequence,
            last_position=None,
            last_result=None,
            committed_at=None,
            session=session,
            processed_before=session.processed,
            finished=session.decided(),
            stage=session.stage,
            digest=bytes(batch.digest),
            chain_head=bytes(batch.chain_head),
        )


# Gives the batch's new chain head, or None where it stays.
Seal = Callable[[Commit], "bytes | None"]
