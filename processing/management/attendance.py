"""Attending a session with workers of its own until it ends: what `process`, `recover --wait` and `resume --wait` do."""

import sys
import time
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import CommandFailed, DatabaseUnreachable, Refused, first_line
from processing.management.lines import progress_text
from processing.models import ProcessingSession, StepRefused
from processing.parent import Parent
from processing.progress import status_of
from processing.queue import SHARED_QUEUE
from processing.states import Status
from processing.worker import DATABASE_ERRORS
from recovery import acts, checkpoints, detection
from recovery.statistics import totals_of

STATUS_EVERY_S = 1.0
ENDED = (Status.COMPLETED, Status.CANCELLED, Status.FAILED, Status.INTERRUPTED)
UNREADABLE_EXIT = 3


class SessionFailed(CommandFailed):
    """The session stopped because of an error that a person has to mend."""

    code = "session_failed"


class Display:
    """Shows a session's progress: JSON lines for scripts, a bar on a terminal, nothing else."""

    def __init__(self, command: StockproofCommand) -> None:
        self._command = command
        self._next_s = 0.0
        self._has_announced = False
        console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal and not command.wants_json:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[verdicts]}"),
                TextColumn("{task.fields[pace]}"),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task("", total=None, verdicts="", pace="")
            self._bar.start()

    def show(self, session: ProcessingSession) -> None:
        """Show where the session is, at most once a second."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + STATUS_EVERY_S
        status = status_of(session)
        if self._command.wants_json:
            self._command.emit("status", status)
        if self._bar is not None and self._task is not None:
            rate = f"{status['rate_per_s']:.1f}/s" if status["rate_per_s"] else _("estimating")
            self._bar.update(
                self._task,
                description=status["status"],
                total=status["total"],
                completed=status["processed"],
                verdicts=f"{status['approved']} approved, {status['rejected']} rejected",
                pace=rate,
            )

    def announce(self, session: ProcessingSession) -> None:
        """Say once, before the first photo, how many can only fail a file rule and what was left out."""
        if self._has_announced:
            return
        self._has_announced = True
        for code, count in sorted(session.doomed_counts.items()):
            self._command.note(f"{count} of {session.found_count} photos can only fail a file rule ({code}).")
        if session.skipped_count:
            self._command.note(
                f"{session.skipped_count} entries were left out; `session {session.pk} --skipped` lists them."
            )

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


def new_parent(workers: int, queue_name: str = SHARED_QUEUE) -> Parent:
    """Make the parent that this command will be."""
    return Parent(workers=workers, look=detection.look, queue_name=queue_name, alarm=checkpoints.sound_alarm)


def attend(command: StockproofCommand, session: ProcessingSession, parent: Parent) -> NoReturn:
    """Work until the session ends or a signal asks to stop; print the summary; end with the exit code.

    A database that is away is waited for, until somebody stops that: then this raises DatabaseUnreachable.
    """
    begun = time.monotonic()
    try:
        follow(command, session, parent)
        summary = parent.insist(lambda: summary_of(session, time.monotonic() - begun))
    except DATABASE_ERRORS as error:
        raise _out_of_reach(session, error) from error
    _tell_summary(command, session, summary)
    sys.exit(_exit_code(command, session, parent))


def follow(command: StockproofCommand, session: ProcessingSession, parent: Parent) -> None:
    """Work until the session ends or a signal asks to stop, and show it."""
    display = Display(command)

    def is_over() -> bool:
        session.refresh_from_db()
        display.show(session)
        return session.status in ENDED

    def pause() -> None:
        why = "The command that attended it was stopped."
        try:
            parent.insist(lambda: acts.pause(session, actor=acting_person(), why=why))
        except StepRefused:
            parent.insist(session.refresh_from_db)

    try:
        parent.run(is_over=is_over, on_stop=pause, announce=display.announce)
    finally:
        display.close()
    parent.insist(session.refresh_from_db)


def _out_of_reach(session: ProcessingSession, error: Exception) -> DatabaseUnreachable:
    hint = f"When it answers, `manage.py session {session.pk}` says how the session stands."
    return DatabaseUnreachable(
        f"The database did not answer: {first_line(error)}", hint=hint, session=session.pk
    )


def _tell_summary(command: StockproofCommand, session: ProcessingSession, summary: dict[str, Any]) -> None:
    if command.wants_json:
        command.emit("summary", summary)
        return
    command.say(
        f"Session {session.pk}: {progress_text(summary)} photos, {summary['approved']} approved, "
        f"{summary['rejected']} rejected, {summary['failed']} could not be judged, in {summary['elapsed_s']:.0f} s."
    )


def summary_of(session: ProcessingSession, elapsed_s: float) -> dict[str, Any]:
    """Give the published summary."""
    return status_of(session) | {"elapsed_s": round(elapsed_s, 2)} | totals_of(session)


def _exit_code(command: StockproofCommand, session: ProcessingSession, parent: Parent) -> int:
    if session.status == Status.COMPLETED:
        return UNREADABLE_EXIT if session.unreadable + session.quarantined else 0
    if session.status == Status.FAILED:
        hint = f"When it is mended, `manage.py recover {session.pk} --yes --wait` goes on."
        raise SessionFailed(
            f"Session {session.pk} failed: {session.last_error}", hint=hint, session=session.pk
        )
    if session.status in ENDED:
        raise Refused(f"Session {session.pk} is {session.status.value}.", session=session.pk)
    command.note(f"Session {session.pk} is paused. `manage.py resume {session.pk} --wait` goes on from here.")
    return 128 + parent.last_signal
