"""What happened in a session, in order: checkpoints, crashes, recoveries, pauses, from the rows that tell of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing import wording
from processing.models import ProcessingSession
from processing.overview import Moment
from recovery import seal
from recovery.aftermath import title_of
from recovery.audit import DONE, Action
from recovery.happened import cause_of, certainty_of
from recovery.instants import whole_instants
from recovery.models import AuditEntry, Checkpoint, CheckpointType, Crash, RecoveryAttempt

EVENTS_PER_PAGE = 40
LATELY_MAX = 5
IS_KEPT = Q(pinned=True) | Q(checkpoint_type=CheckpointType.MILESTONE)
HELD_BY_PEOPLE = (Action.PAUSE, Action.RESUME, Action.CANCEL)


class Kind(models.TextChoices):
    """What a timeline is asked to show."""

    ALL = "", gettext_lazy("Everything")
    CHECKPOINTS = "checkpoints", gettext_lazy("Checkpoints")
    CRASHES = "crashes", gettext_lazy("Crashes and recoveries")
    PAUSES = "pauses", gettext_lazy("Pauses")


@dataclass(frozen=True, slots=True)
class CheckpointLine:
    """A checkpoint as lists show it; `problem` says why it must not be used, empty when it is intact."""

    checkpoint: Checkpoint
    title: str
    facts: str
    problem: str

    @property
    def may_go_back(self) -> bool:
        """Whether a recovery may go back to it."""
        return not self.problem and self.checkpoint.voided_by is None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline; look is the suffix of its class, icon a symbol's name, brief stands without a note."""

    at: datetime
    icon: str
    title: str
    note: str = ""
    brief: str = ""
    look: str = ""
    sentences: tuple[str, ...] = field(default=())
    line: CheckpointLine | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """So many of the newest events before an instant."""

    before: datetime | None = None
    limit: int = EVENTS_PER_PAGE + 1


Source = Callable[[ProcessingSession, Span], Iterator[Event]]


def events_of(
    session: ProcessingSession, kind: str = Kind.ALL, before: datetime | None = None
) -> tuple[list[Event], datetime | None]:
    """Give a page of events, the newest first, and the instant before which the next page goes on; None: no more."""
    sources = _sources(kind)
    found = _read(session, sources, Span(before))
    if len(found) <= EVENTS_PER_PAGE:
        return found, None
    last = found[EVENTS_PER_PAGE - 1].at
    shown = [event for event in found if event.at >= last]
    goes_on = len(found) > len(shown) or bool(_read(session, sources, Span(last)))
    return shown, last if goes_on else None


def lately_of(session: ProcessingSession) -> list[Moment]:
    """Give the newest events for a glance. Of checkpoints that come and go, several a second, only the last is one."""
    sources = [_checkpoints_at_a_glance, _crashes, _recoveries, _pauses, _ends]
    found = _read(session, sources, Span(limit=LATELY_MAX))[:LATELY_MAX]
    return [Moment(event.at, event.icon, event.brief or event.title, event.look) for event in found]


def _read(session: ProcessingSession, sources: Iterable[Source], span: Span) -> list[Event]:
    found = [event for read in sources for event in read(session, span)]
    return sorted(found, key=lambda event: event.at, reverse=True)


def _sources(kind: str) -> list[Source]:
    by_kind: dict[str, list[Source]] = {
        Kind.CHECKPOINTS: [_checkpoints],
        Kind.CRASHES: [_crashes, _recoveries],
        Kind.PAUSES: [_pauses],
    }
    return by_kind.get(kind) or [_checkpoints, _crashes, _recoveries, _pauses, _ends]


def _newest(rows: Any, column: str, span: Span) -> Any:
    earlier = rows if span.before is None else rows.filter(**{f"{column}__lt": span.before})
    return whole_instants(earlier, column, span.limit)


def _checkpoints(session: ProcessingSession, span: Span) -> Iterator[Event]:
    for checkpoint in _newest(Checkpoint.objects.filter(session=session), "created_at", span):
        yield _event_of(checkpoint)


def _checkpoints_at_a_glance(session: ProcessingSession, span: Span) -> Iterator[Event]:
    """Give the newest checkpoint, and the newest of those that are kept."""
    rows = Checkpoint.objects.filter(session=session)
    shown = [*rows.order_by("-created_at", "-pk")[:1], *_newest(rows.filter(IS_KEPT), "created_at", span)]
    for checkpoint in {one.pk: one for one in shown}.values():
        yield _event_of(checkpoint)


def _event_of(checkpoint: Checkpoint) -> Event:
    line = line_of(checkpoint)
    is_kept = checkpoint.pinned or checkpoint.checkpoint_type == CheckpointType.MILESTONE
    kind = _("Milestone at {count} photos, {seal}") if is_kept else _("Checkpoint at {count} photos, {seal}")
    seal_text = _("not as it was sealed") if line.problem else _("seal intact")
    return Event(
        at=checkpoint.created_at,
        icon="pin" if is_kept else "checkpoint",
        title=line.title,
        note=line.facts,
        brief=kind.format(count=wording.grouped(checkpoint.processed_count), seal=seal_text),
        look="milestone" if is_kept else "",
        line=line,
    )


def line_of(checkpoint: Checkpoint) -> CheckpointLine:
    """Say what a checkpoint is, how large, and whether it is as it was sealed."""
    kind = str(checkpoint.get_checkpoint_type_display()).capitalize()
    title = _("{kind} checkpoint at {count} photos").format(
        kind=kind, count=wording.grouped(checkpoint.processed_count)
    )
    problem = seal.problem_of(checkpoint) or ""
    facts = [
        _("batch {number}").format(number=checkpoint.current_batch) if checkpoint.current_batch else "",
        wording.file_size(len(checkpoint.session_state)),
        _("seal intact") if not problem else _("not as it was sealed"),
        _("kept for ever") if checkpoint.pinned else "",
        _("covers verdicts put aside") if checkpoint.voided_by is not None else "",
        f"“{checkpoint.note}”" if checkpoint.note else "",
    ]
    return CheckpointLine(checkpoint, title, ", ".join(fact for fact in facts if fact), problem)


def _crashes(session: ProcessingSession, span: Span) -> Iterator[Event]:
    for crash in _newest(Crash.objects.filter(session=session), "detected_at", span):
        discarded = _("{count} verdicts were not saved yet and are made again").format(
            count=wording.grouped(crash.discarded_count)
        )
        photo = _("while at {photo}").format(photo=crash.photo) if crash.photo else ""
        share = certainty_of(crash)
        stood = _("it interrupted the session") if crash.interrupts else _("other workers went on")
        notes = [share, stood, photo, discarded if crash.discarded_count else ""]
        brief = _("Interrupted. {cause}") if crash.interrupts else _("A worker crashed. {cause}")
        yield Event(
            at=crash.detected_at,
            icon="interrupted",
            title=cause_of(crash),
            note=", ".join(note for note in notes if note),
            brief=brief.format(cause=cause_of(crash)),
            look="crash",
            sentences=tuple(crash.evidence),
        )


def _recoveries(session: ProcessingSession, span: Span) -> Iterator[Event]:
    attempts = RecoveryAttempt.objects.filter(session=session)
    for attempt in _newest(attempts, "created_at", span):
        yield Event(
            at=attempt.created_at,
            icon="undo",
            title=title_of(attempt),
            note=_numbers(attempt),
            look="recovery",
            undoes=attempt.number if attempt.undone_at is None else None,
        )
    for attempt in _newest(attempts.exclude(undone_at=None), "undone_at", span):
        by = attempt.undone_by or _("nobody named")
        title = _("Recovery {number} undone by {name}").format(number=attempt.number, name=by)
        yield Event(at=attempt.undone_at, icon="undo", title=title, look="recovery")


def _numbers(attempt: RecoveryAttempt) -> str:
    by = _("by {name}").format(name=attempt.by) if attempt.by else ""
    preview = attempt.preview
    counts = [
        _("kept {count}").format(count=wording.grouped(preview["keep"])) if "keep" in preview else "",
        _("put {count} aside").format(count=wording.grouped(preview["redo"])) if preview.get("redo") else "",
        _("{count} left").format(count=wording.grouped(preview["left"])) if "left" in preview else "",
    ]
    return ", ".join(text for text in (by, *counts) if text)


def _pauses(session: ProcessingSession, span: Span) -> Iterator[Event]:
    entries = AuditEntry.objects.filter(session=session.pk, outcome=DONE, action__in=HELD_BY_PEOPLE)
    words = {
        Action.PAUSE.value: ("paused", _("Paused")),
        Action.RESUME.value: ("running", _("Resumed")),
        Action.CANCEL.value: ("cancelled", _("Cancelled")),
    }
    for entry in _newest(entries, "at", span):
        icon, word = words[entry.action]
        title = _("{what} by {name}").format(what=word, name=entry.actor) if entry.actor else word
        why = entry.details.get("why", "")
        yield Event(at=entry.at, icon=icon, title=title, note=f"“{why}”" if why else "")


def _ends(session: ProcessingSession, span: Span) -> Iterator[Event]:
    """Tell the beginning and the end, which stand in the session's own row."""
    begun_by = (
        _("Created by {name}").format(name=session.owner.get_username()) if session.owner else _("Created")
    )
    rules = _("{preset}, batches of {batch}, saved after every {interval}").format(
        preset=session.preset_name, batch=session.batch_size, interval=session.checkpoint_interval
    )
    moments = [
        (session.created_at, "plus", begun_by, rules),
        (session.started_at, "running", _("Work began"), ""),
        (session.ended_at, "completed", _("Ended"), ""),
    ]
    for at, icon, title, note in moments:
        if at is not None and (span.before is None or at < span.before):
            yield Event(at=at, icon=icon, title=title, note=note)
