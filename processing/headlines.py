"""A session's status in honest words: what it is, and what a person should know beside it."""

from dataclasses import dataclass, fields

from django.utils.translation import gettext as _

from processing import states, wording
from processing.models import ProcessingSession
from processing.snapshots import Snapshot
from processing.states import Status

# Which color and which symbol a status has in the look.
LOOKS = {
    Status.SCANNING: ("running", "running"),
    Status.RUNNING: ("running", "running"),
    Status.COMPARING: ("running", "running"),
    Status.PAUSED: ("paused", "paused"),
    Status.COMPLETED: ("completed", "completed"),
    Status.FAILED: ("failed", "warning"),
    Status.CANCELLED: ("cancelled", "cancelled"),
    Status.INTERRUPTED: ("interrupted", "interrupted"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """Look is the suffix of the status class, icon a symbol's name; the note may be empty."""

    look: str
    icon: str
    word: str
    note: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """Why each button cannot be pressed; an empty text means that it can."""

    pause: str
    resume: str
    cancel: str
    checkpoint: str


def headline_of(snapshot: Snapshot) -> Headline:
    """Say what a session is doing, from what is stored."""
    status = snapshot.session.status
    look, icon = LOOKS[status]
    if snapshot.waits:
        note = _("start them with {command}").format(command="manage.py serve")
        return Headline("paused", "paused", _("Waiting for workers"), note)
    if status == Status.PAUSED and snapshot.workers:
        return Headline("running", "running", _("Stopping after this batch"), _held(snapshot.session))
    return Headline(look, icon, str(status.label).capitalize(), _note(snapshot.session))


def _note(session: ProcessingSession) -> str:
    notes = {
        Status.SCANNING: lambda _session: _("the folder is still being listed"),
        Status.COMPARING: lambda _session: _("looking for near-duplicates"),
        Status.PAUSED: _held,
        Status.COMPLETED: _finished,
        Status.FAILED: lambda session: session.last_error,
        Status.CANCELLED: _cancelled,
        Status.INTERRUPTED: _interrupted,
    }
    note = notes.get(session.status)
    return note(session) if note else ""


def _held(session: ProcessingSession) -> str:
    text = _("asked by {name}").format(name=session.hold_by) if session.hold_by else ""
    return ": ".join(part for part in (text, session.hold_why) if part)


def _finished(session: ProcessingSession) -> str:
    if session.ended_at is None or session.started_at is None:
        return ""
    took_s = (session.ended_at - session.started_at).total_seconds()
    return _("finished {when}, took {duration}").format(
        when=wording.instant(session.ended_at), duration=wording.duration(took_s)
    )


def _cancelled(session: ProcessingSession) -> str:
    when = _("at {when},").format(when=wording.instant(session.ended_at)) if session.ended_at else ""
    return " ".join(part for part in (when, _held(session)) if part)


def _interrupted(session: ProcessingSession) -> str:
    return _("since {when}").format(when=wording.instant(session.crashed_at)) if session.crashed_at else ""


def refusals_of(session: ProcessingSession, *, may_operate: bool) -> Refusals:
    """Say for each button why it cannot be pressed, by the person's role and by the table of steps."""
    if not may_operate:
        return Refusals(*[_("You may look at this session, but not change it.")] * len(fields(Refusals)))
    return Refusals(
        pause="" if _allows("pause", session) else _reason(session.status),
        resume="" if _allows("resume", session) else _reason(session.status),
        cancel="" if _allows("cancel", session) else _reason(session.status),
        checkpoint=_reason(session.status) if session.status == Status.CANCELLED else "",
    )


def _allows(step: str, session: ProcessingSession) -> bool:
    return states.SESSION_STEPS[step].allows(session.state)


def _reason(status: Status) -> str:
    reasons = {
        Status.COMPLETED: _("It is completed: nothing is left to stop."),
        Status.CANCELLED: _("It was cancelled for good."),
        Status.FAILED: _("It cannot pause: it failed."),
        Status.INTERRUPTED: _("It cannot pause: it was interrupted."),
        Status.PAUSED: _("It is paused."),
    }
    return reasons.get(status, _("It is at work."))
