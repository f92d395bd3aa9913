"""The ledger: which checkpoints of a session must be there, beside the chains of its batches; and how many recoveries.

It stands on the session's row under a keyed hash, and is written under the session's lock only. It names the newest
checkpoint of every type but image, the pinned ones, and the end of the chain of the sealing ones.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processing.models import ProcessingSession
    from recovery.models import Checkpoint


class Ledger:
    """A session's ledger, to be read, changed, and kept; the session's row is locked all the while."""

    def __init__(self, session: "ProcessingSession") -> None:
        self._session = session
        stored: Mapping[str, Any] = session.ledger
        self.head = bytes.fromhex(stored.get("head", ""))
        self.sealed_count: int = stored.get("sealed_count", 0)
        self.newest: dict[str, dict[str, str]] = {
            kind: dict(one) for kind, one in stored.get("newest", {}).items()
        }
        self.pinned: dict[str, str] = dict(stored.get("pinned", {}))
        self.released: list[str] = list(stored.get("released", []))
        self.keep_min: int | None = stored.get("keep_min")
        self.recoveries_count: int | None = stored.get("recoveries_count")

    def note_newest(self, checkpoint: "Checkpoint") -> str | None:
        """Note a new checkpoint as its type's newest; give the id of the one that was it before."""
        kind = str(checkpoint.checkpoint_type)
        before = self.newest.get(kind)
        self.newest[kind] = {"checkpoint": str(checkpoint.pk), "seal": bytes(checkpoint.seal).hex()}
        return None if before is None else before["checkpoint"]

    def note_sealed(self, checkpoint: "Checkpoint") -> None:
        """Note a new sealing checkpoint as the end of their chain."""
        self.head = bytes(checkpoint.seal)
        self.sealed_count = checkpoint.sequence

    def note_pinned(self, checkpoint: "Checkpoint") -> None:
        """Note that a checkpoint is kept for ever."""
        self.pinned[str(checkpoint.pk)] = bytes(checkpoint.seal).hex()

    def note_unpinned(self, checkpoint: "Checkpoint") -> None:
        """Note that a checkpoint is not kept for ever any more: that it is still there then proves nothing.

        Pruning has passed it by, so those after it may be gone. test: test_nothing_is_missing_when_one_was_unpinned.
        """
        self.pinned.pop(str(checkpoint.pk), None)
        self.released = sorted({*self.released, str(checkpoint.pk)})

    def note_kept(self, keep: int, usual: int) -> None:
        """Note that fewer image checkpoints than usual may be left."""
        self.keep_min = min(keep, self.keep_min or usual)

    def note_recovery(self, before_count: int) -> None:
        """Note one more recovery; `before_count` is for a ledger that has not counted them yet."""
        self.recoveries_count = 1 + (before_count if self.recoveries_count is None else self.recoveries_count)

    def is_unneeded(self, checkpoint: "Checkpoint") -> bool:
        """Whether retention keeps it neither as its type's newest nor for ever."""
        newest = {one["checkpoint"] for one in self.newest.values()}
        return not checkpoint.pinned and str(checkpoint.pk) not in newest

    def rename(self, seals: "Mapping[str, str]") -> None:
        """Name checkpoints that were sealed anew by their new seals; old and new ones as hexadecimal text."""
        self.head = bytes.fromhex(seals.get(self.head.hex(), self.head.hex()))
        self.pinned = {pk: seals.get(tag, tag) for pk, tag in self.pinned.items()}
        for one in self.newest.values():
            one["seal"] = seals.get(one["seal"], one["seal"])

    def keep(self) -> None:
        """Write it onto the session's row, with its keyed hash."""
        self._session.keep_ledger(
            {
                "head": self.head.hex(),
                "sealed_count": self.sealed_count,
                "newest": self.newest,
                "pinned": self.pinned,
                "released": self.released,
                "keep_min": self.keep_min,
                "recoveries_count": self.recoveries_count,
            }
        )
