"""What people do to a session, each with its entry in the audit log: commands, pages and REST call these.

All take the person's name and raise StepRefused where the state forbids the act; the refusal is recorded too.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from processing.models import ProcessingSession
from processing.models.session import Register
from processing.starting import require_alone
from recovery.audit import Action, audited, record


def begin(
    columns: dict[str, Any],
    *,
    actor: str,
    register: Register | None = None,
    address: str | None = None,
    alone_of: User | None = None,
) -> ProcessingSession:
    """Create a session, as `ProcessingSession.start` does; the log keeps its source and the rules' name.

    Raises AnotherUnfinished when the source has an unfinished session of those that `alone_of` sees.
    """
    with transaction.atomic(durable=True):
        if alone_of is not None:
            require_alone(alone_of, columns["source_path"])
        session = ProcessingSession.start(register=register, **columns)
        told = {"name": session.name, "source": session.source, "preset": session.preset_name}
        record(Action.SESSION, actor=actor, session=session.pk, address=address, details=told)
    return session


def note_outside(source: str, *, actor: str, address: str | None = None) -> None:
    """Record that somebody has asked for a folder that sessions may not read."""
    with transaction.atomic():
        outcome = "refused: The source is outside the folders that sessions may read."
        record(Action.SESSION, actor=actor, address=address, outcome=outcome, details={"source": source})


def pause(session: ProcessingSession, *, actor: str, why: str = "", address: str | None = None) -> None:
    """Stop handing out a session's work."""
    reason = {"why": why} if why else {}
    with audited(Action.PAUSE, actor=actor, session=session.pk, address=address, details=reason):
        session.pause(by=actor, why=why)


def resume(
    session: ProcessingSession, *, actor: str, register: Register | None = None, address: str | None = None
) -> None:
    """Lift a pause; `register` adds the row of a parent that serves the session from now on."""
    with audited(Action.RESUME, actor=actor, session=session.pk, address=address) as details:
        session.resume(register)
        details["attempt"] = session.attempt


def take_up(session: ProcessingSession, *, actor: str, register: Register) -> None:
    """Give a session that only waits for workers a parent of its own: for the log, this too resumes it."""
    with audited(Action.RESUME, actor=actor, session=session.pk, details={"waited_for_workers": True}):
        session.take_up(register)


def cancel(session: ProcessingSession, *, actor: str, why: str = "", address: str | None = None) -> None:
    """Give a session up for good."""
    reason = {"why": why} if why else {}
    with audited(Action.CANCEL, actor=actor, session=session.pk, address=address, details=reason):
        session.cancel(by=actor, why=why)
