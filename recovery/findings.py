"""What a check has found: its word, its sentence, and who can mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every kind of problem; the words are published."""

    RESULT_CHANGED = "result_changed"
    UNKNOWN_KEY = "unknown_key"
    MANIFEST = "manifest"
    MISPLACED = "misplaced"
    DUPLICATE = "duplicate"
    GAP = "gap"
    DIGEST = "digest"
    COUNTERS = "counters"
    REASONS = "reasons"
    SUM = "sum"
    SESSION_COUNTERS = "session_counters"
    SESSION_REASONS = "session_reasons"


# A repair works these out again from rows that hold.
REPAIRABLE = frozenset((Code.COUNTERS, Code.REASONS, Code.SUM, Code.SESSION_COUNTERS, Code.SESSION_REASONS))


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `repairable`: `verify --repair` can work it out again from rows that hold."""

    code: str
    text: str
    repairable: bool

    @property
    def is_unsafe(self) -> bool:
        """Whether nothing may go on while this is so."""
        return not self.repairable


def found(code: Code, text: str) -> Finding:
    """Make a finding of one of the codes."""
    return Finding(code.value, text, code in REPAIRABLE)
