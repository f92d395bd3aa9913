"""Progress drawn as film: an equal share of the photos per frame, geometry for the SVG of a strip."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 1000.0, 44.0
FAILED_HEIGHT = 4.0
GAP = 3.0
GAP_WIDE, FRAMES_FEW = 8.0, 24


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive photos of which the first `done` have a verdict."""

    first_position: int
    done: int
    approved: int
    rejected: int

    @property
    def failed(self) -> int:
        """Those that could not be judged."""
        return self.done - self.approved - self.rejected


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle; the tone names its color class, lengths are ready for an attribute."""

    tone: str
    x: str
    y: str
    width: str
    height: str


@dataclass(slots=True)
class Frame:
    """An equal share of the photos, and how many of them are done."""

    size: float
    done: float = 0.0
    approved: float = 0.0
    rejected: float = 0.0
    failed: float = 0.0


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip ready to be drawn."""

    marks: list[Mark] = field(default_factory=list)
    frames_count: int = 0
    photos_per_frame: int = 0


def exposed_strip(done: int, total: int | None, frames_count: int, *, is_moving: bool) -> Strip:
    """Draw progress alone: frames in the order of photos, exposed as far as they are done."""
    span = Span(0, done, done, 0)
    return judged_strip([span], total, frames_count, is_moving=is_moving)


def judged_strip(spans: Iterable[Span], total: int | None, frames_count: int, *, is_moving: bool) -> Strip:
    """Draw progress with what became of the photos; a batch longer than a frame lends it its shares.

    While the total is not known, all frames are unexposed. `is_moving` puts the yellow frame around the one
    that is worked on.
    """
    frames_count = max(min(frames_count, total or frames_count), 1)
    size = (total or 0) / frames_count
    frames = [Frame(size) for _ in range(frames_count)]
    if total:
        for span in spans:
            _expose(frames, span, size)
    marks = [mark for index, frame in enumerate(frames) for mark in _draw(frame, index, frames_count)]
    if is_moving and total:
        marks += _now(frames)
    return Strip(marks, frames_count, round(size))


def _expose(frames: Sequence[Frame], span: Span, size: float) -> None:
    start, end = float(span.first_position), float(span.first_position + span.done)
    for index in range(int(start // size), min(int(end // size) + 1, len(frames))):
        photos = min(end, (index + 1) * size) - max(start, index * size)
        if photos > 0:
            frame = frames[index]
            frame.done += photos
            frame.approved += photos * span.approved / span.done
            frame.rejected += photos * span.rejected / span.done
            frame.failed += photos * span.failed / span.done


def _draw(frame: Frame, index: int, frames_count: int) -> list[Mark]:
    x, width = _place(index, frames_count)
    marks = [_mark("empty", x, 0, width, HEIGHT)]
    if frame.done:
        exposed = width * min(frame.done / frame.size, 1)
        judged = frame.approved + frame.rejected
        approved = HEIGHT * frame.approved / judged if judged else 0
        marks.append(_mark("approved", x, 0, exposed, approved))
        marks.append(_mark("rejected", x, approved, exposed, HEIGHT - approved if judged else 0))
        if frame.failed:
            marks.append(_mark("failed", x, 0, exposed, FAILED_HEIGHT if judged else HEIGHT))
    return [mark for mark in marks if float(mark.width) and float(mark.height)]


def _now(frames: Sequence[Frame]) -> list[Mark]:
    for index, frame in enumerate(frames):
        if frame.done < frame.size - 0.5:
            x, width = _place(index, len(frames))
            return [_mark("now", x, 1, width, HEIGHT - 2)]
    return []


def _place(index: int, frames_count: int) -> tuple[float, float]:
    gap = GAP_WIDE if frames_count < FRAMES_FEW else GAP
    step = (WIDTH + gap) / frames_count
    return index * step, step - gap


def _mark(tone: str, x: float, y: float, width: float, height: float) -> Mark:
    return Mark(tone, f"{x:.1f}", f"{y:.1f}", f"{width:.1f}", f"{height:.1f}")
