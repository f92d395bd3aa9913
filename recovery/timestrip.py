"""A session's time drawn as film: an equal span per frame, exposed where photos were done, torn where it crashed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from processing import wording
from processing.models import ProcessingSession
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint, Crash

WIDTH, HEIGHT, GAP = 1000.0, 64.0, 3.0
FRAMES_COUNT = 60
TICKS_COUNT = 8
MARKS_MAX = 40


@dataclass(frozen=True, slots=True)
class Span:
    """One frame: where it begins, how wide it is, and whether photos were done in it."""

    x: str
    width: str
    is_exposed: bool
    is_now: bool


@dataclass(frozen=True, slots=True)
class TimeStrip:
    """The strip with its marks as places on 0 to 1000, its scale in words, and its finding as a sentence."""

    frames: list[Span]
    tears: list[str]
    milestones: list[str]
    ticks: list[str]
    frame_s: float
    finding: str
    is_live: bool


def strip_of(session: ProcessingSession) -> TimeStrip | None:
    """Draw a session's time from its first claim to its end, or to now; None before anything was claimed."""
    if session.started_at is None:
        return None
    is_live = not session.is_finished
    first = session.started_at.timestamp()
    last = (session.ended_at or timezone.now()).timestamp()
    last = max(last, first + 1)
    tears = _crash_instants(session)
    milestones = _milestone_instants(session)
    return TimeStrip(
        frames=_frames(session.pace, first, last, is_live=is_live),
        tears=[_place(at, first, last) for at in tears],
        milestones=[_place(at, first, last) for at in milestones],
        ticks=[_tick(first + (last - first) * step / TICKS_COUNT) for step in range(TICKS_COUNT + 1)],
        frame_s=(last - first) / FRAMES_COUNT,
        finding=_finding(first, last, len(tears), len(milestones)),
        is_live=is_live,
    )


def _frames(pace: Sequence[Sequence[float]], first: float, last: float, *, is_live: bool) -> list[Span]:
    step, length = (WIDTH + GAP) / FRAMES_COUNT, (last - first) / FRAMES_COUNT
    moved = [
        (begin[0], end[0])
        for begin, end in pairwise([(first, 0), *[tuple(one) for one in pace]])
        if end[1] > begin[1]
    ]
    frames = []
    for index in range(FRAMES_COUNT):
        start = first + index * length
        is_exposed = any(begin < start + length and end > start for begin, end in moved)
        is_now = is_live and index == FRAMES_COUNT - 1
        frames.append(Span(f"{index * step:.1f}", f"{step - GAP:.1f}", is_exposed, is_now))
    return frames


def _crash_instants(session: ProcessingSession) -> list[float]:
    found = Crash.objects.filter(session=session).order_by("-detected_at")
    return [at.timestamp() for at in found.values_list("detected_at", flat=True)[:MARKS_MAX]]


def _milestone_instants(session: ProcessingSession) -> list[float]:
    kept = Checkpoint.objects.filter(session=session, pinned=True) | Checkpoint.objects.filter(
        session=session, checkpoint_type=CheckpointType.MILESTONE
    )
    found = kept.order_by(F("created_at").desc()).values_list("created_at", flat=True)[:MARKS_MAX]
    return [at.timestamp() for at in found]


def _place(at: float, first: float, last: float) -> str:
    return f"{min(max(WIDTH * (at - first) / (last - first), 0.0), WIDTH):.1f}"


def _tick(moment: float) -> str:
    return wording.instant(datetime.fromtimestamp(moment, tz=UTC))


def _finding(first: float, last: float, crashes_count: int, kept_count: int) -> str:
    return _("Time from {first} to {last}; crashes: {crashes}, checkpoints kept: {kept}.").format(
        first=_tick(first), last=_tick(last), crashes=crashes_count, kept=kept_count
    )
