"""What a check has found: its word, its sentence, and what can be done about it."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every kind of problem; the words are published."""

    RESULT_CHANGED = "result_changed"
    UNKNOWN_KEY = "unknown_key"
    MISPLACED = "misplaced"
    MANIFEST = "manifest"
    DIGEST = "digest"
    DUPLICATE = "duplicate"
    GAP = "gap"
    COUNTERS = "counters"
    REASONS = "reasons"
    DECISION = "decision"
    SESSION_COUNTERS = "session_counters"
    SESSION_REASONS = "session_reasons"
    SHIFT = "shift"
    SUM = "sum"
    LEASE = "lease"
    PUT_ASIDE = "put_aside"
    CHECKPOINT = "checkpoint"
    CHECKPOINT_MISSING = "checkpoint_missing"
    VOID = "void"
    SOURCE_CHANGED = "source_changed"
    SOURCE_GONE = "source_gone"
    SOURCE_UNREADABLE = "source_unreadable"
    MISSING_THUMBNAIL = "missing_thumbnail"


# A repair works these out again from rows that hold. Whether it can do so of a duplicate and of a gap is for the
# batch's digest to say.
DERIVED = frozenset(
    (
        Code.COUNTERS,
        Code.REASONS,
        Code.DECISION,
        Code.SESSION_COUNTERS,
        Code.SESSION_REASONS,
        Code.SHIFT,
        Code.SUM,
        Code.LEASE,
        Code.VOID,
    )
)
# What became of the files since is no damage: a recovery analyzes them again.
OF_THE_SOURCE = frozenset((Code.SOURCE_CHANGED, Code.SOURCE_GONE, Code.SOURCE_UNREADABLE))
# No verdict hangs on pictures for people.
OF_THE_PICTURES = frozenset((Code.MISSING_THUMBNAIL,))


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `repairable`: `verify --repair` can work it out again from rows that hold."""

    code: str
    text: str
    repairable: bool

    @property
    def is_unsafe(self) -> bool:
        """Whether nothing may be built on what is stored, not even after a repair."""
        return not self.repairable and self.code not in OF_THE_SOURCE | OF_THE_PICTURES

    @property
    def needs_repair(self) -> bool:
        """Whether a repair has to come before anything is built on what is stored."""
        return self.repairable and self.code not in OF_THE_PICTURES

    @property
    def forbids_recount(self) -> bool:
        """Whether counting anew would sign what nobody wrote; a second live result has to be put aside first."""
        return self.is_unsafe or self.code == Code.DUPLICATE


def found(code: Code, text: str, *, repairable: bool | None = None) -> Finding:
    """Make a finding; whether it can be repaired is told by its code unless it is said."""
    return Finding(code.value, text, code in DERIVED if repairable is None else repairable)
