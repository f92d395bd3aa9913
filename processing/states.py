"""Every state and every step of a session and of a batch; nothing that moves them is anywhere else.

Workers move a session's stage, people and errors move its hold, and a death moves the latch: three
columns, because three kinds of actor would overwrite each other in one.
"""

from dataclasses import dataclass
from itertools import product

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Stage(TextChoices):
    """How far the workers are."""

    SCANNING = "scanning", _("scanning")
    RUNNING = "running", _("running")
    COMPARING = "comparing", _("comparing")
    COMPLETED = "completed", _("completed")


class Hold(TextChoices):
    """What keeps the workers away."""

    NONE = "", _("none")
    PAUSED = "paused", _("paused")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Status(TextChoices):
    """What the world is told: derived from stage, hold and latch, never stored."""

    SCANNING = "scanning", _("scanning")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    COMPARING = "comparing", _("comparing")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    INTERRUPTED = "interrupted", _("interrupted")


class BatchKind(TextChoices):
    """What a batch's work is. All three are claimed, fenced and taken over in the same way."""

    SCAN = "scan", _("scan")
    PHOTOS = "photos", _("photos")
    COMPARE = "compare", _("compare")


class BatchStatus(TextChoices):
    """Who has a batch."""

    QUEUED = "queued", _("queued")
    LEASED = "leased", _("leased")
    DONE = "done", _("done")


class Verdict(TextChoices):
    """What becomes of a photo."""

    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    UNREADABLE = "unreadable", _("unreadable")
    QUARANTINED = "quarantined", _("quarantined")


class Relation(TextChoices):
    """What the compare stage found of a photo."""

    NONE = "", _("none")
    DUPLICATE = "duplicate", _("duplicate")
    SIMILAR = "similar", _("similar")


UNFINISHED = (Stage.SCANNING, Stage.RUNNING, Stage.COMPARING)


@dataclass(frozen=True, slots=True)
class SessionState:
    """The three columns of a session that steps move."""

    stage: Stage
    hold: Hold
    latched: bool

    @property
    def status(self) -> Status:
        """Derive what the world is told: cancelled, failed, paused, interrupted, else the stage."""
        if self.hold:
            return Status(self.hold.value)
        if self.latched and self.stage != Stage.COMPLETED:
            return Status.INTERRUPTED
        return Status(self.stage.value)


@dataclass(frozen=True, slots=True)
class SessionStep:
    """One step: the states that it may leave, and what it changes (None: stays as it is)."""

    stages: tuple[Stage, ...]
    holds: tuple[Hold, ...]
    latched: tuple[bool, ...]
    stage: Stage | None = None
    hold: Hold | None = None
    latch: bool | None = None

    def allows(self, state: SessionState) -> bool:
        """Say whether the step may leave this state."""
        return state.stage in self.stages and state.hold in self.holds and state.latched in self.latched

    def after(self, state: SessionState) -> SessionState:
        """Give the state that the step leads to."""
        return SessionState(
            state.stage if self.stage is None else self.stage,
            state.hold if self.hold is None else self.hold,
            state.latched if self.latch is None else self.latch,
        )


_OPEN = (Hold.NONE, Hold.PAUSED)
_MENDABLE = (Hold.NONE, Hold.PAUSED, Hold.FAILED)
_ANY_LATCH = (False, True)

# Design §3: workers' steps land under a pause, never under a failure or a cancellation.
SESSION_STEPS: dict[str, SessionStep] = {
    "finish_scan": SessionStep((Stage.SCANNING,), _OPEN, (False,), stage=Stage.RUNNING),
    "begin_compare": SessionStep((Stage.RUNNING,), _OPEN, (False,), stage=Stage.COMPARING),
    "complete": SessionStep((Stage.COMPARING,), _OPEN, (False,), Stage.COMPLETED, Hold.NONE),
    "pause": SessionStep(UNFINISHED, (Hold.NONE,), (False,), hold=Hold.PAUSED),
    "resume": SessionStep(UNFINISHED, (Hold.PAUSED,), (False,), hold=Hold.NONE),
    "fail": SessionStep(UNFINISHED, _OPEN, (False,), hold=Hold.FAILED),
    "cancel": SessionStep(UNFINISHED, _MENDABLE, _ANY_LATCH, hold=Hold.CANCELLED, latch=False),
    # The first step of a deletion: nothing leads back from cancelled, so nobody goes on while rows vanish.
    "retire": SessionStep((Stage.COMPLETED,), (Hold.NONE,), (False,), Stage.COMPARING, Hold.CANCELLED),
    "latch": SessionStep(UNFINISHED, (Hold.NONE,), (False,), latch=True),
    "recover": SessionStep(UNFINISHED, _MENDABLE, _ANY_LATCH, hold=Hold.NONE, latch=False),
    # What a recovery or its undo makes of the stage when photos are to be analyzed, or compared, again.
    "rewind": SessionStep(
        (Stage.RUNNING, Stage.COMPARING, Stage.COMPLETED), _MENDABLE, _ANY_LATCH, stage=Stage.RUNNING
    ),
    "roll_back": SessionStep(UNFINISHED, _MENDABLE, _ANY_LATCH, hold=Hold.PAUSED, latch=False),
}

# A batch's steps: the status each leaves and the one it leads to. `bury` takes a dead worker's lease
# away and raises the fencing number; `release` is the holder's own giving back.
BATCH_STEPS: dict[str, tuple[BatchStatus, BatchStatus]] = {
    "claim": (BatchStatus.QUEUED, BatchStatus.LEASED),
    "release": (BatchStatus.LEASED, BatchStatus.QUEUED),
    "bury": (BatchStatus.LEASED, BatchStatus.QUEUED),
    "finish": (BatchStatus.LEASED, BatchStatus.DONE),
}


def session_states() -> list[SessionState]:
    """Give every combination of stage, hold and latch."""
    return [SessionState(*columns) for columns in product(Stage, Hold, _ANY_LATCH)]


def diagram() -> str:
    """Draw the published statuses and the steps between them as a Mermaid state diagram, from the table."""
    arrows: dict[tuple[str, str], list[str]] = {}
    plain = [s for s in session_states() if s.stage != Stage.COMPLETED or not (s.hold or s.latched)]
    for state, (name, step) in product(plain, SESSION_STEPS.items()):
        if step.allows(state) and step.after(state).status != state.status:
            names = arrows.setdefault((state.status.value, step.after(state).status.value), [])
            if name not in names:
                names.append(name)
    lines = [f"    {old} --> {new}: {', '.join(names)}" for (old, new), names in sorted(arrows.items())]
    return "\n".join(["stateDiagram-v2", "    [*] --> scanning", *lines])
