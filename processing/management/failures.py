"""Every way in which a command can fail: its exit code, its word, its sentence and what to do about it."""

from typing import ClassVar

from django.core.management.base import CommandError, SystemCheckError
from django.db import DatabaseError, InterfaceError

from processing.models import SessionNotFound, StepRefused
from processing.overriding import NoVerdictYet
from processing.parent import CalledOff
from processing.states import Status
from recovery.audit import ActRefused
from recovery.resume import ConfirmationRequired, NotSafe

EXIT_INTERRUPTED = 130
# What a shell shows for a program that SIGPIPE ended: `git log | head` leaves the same.
EXIT_READER_GONE = 141

HINTS = {
    Status.PAUSED: "`manage.py resume {session}` lets it go on.",
    Status.FAILED: "`manage.py recover {session}` lets it go on.",
    Status.INTERRUPTED: "`manage.py recover {session}` lets it go on.",
    Status.CANCELLED: "`manage.py process SOURCE --new` begins another one.",
    Status.COMPLETED: "`manage.py results {session}` prints its verdicts.",
}
DATABASE_HINT = "Look at DATABASE_URL and at the database's own log; `manage.py doctor` says more."


class CommandFailed(CommandError):
    """A failure that has a name. Left unnamed it is one that nobody expected."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "unexpected"

    def __init__(self, message: str, *, hint: str = "", session: object = None) -> None:
        super().__init__(message, returncode=self.exit_code)
        self.hint = hint
        self.session = None if session is None else str(session)

    def published(self) -> dict[str, object]:
        """Give the published error."""
        return {"code": self.code, "message": str(self), "hint": self.hint, "session": self.session}


class Misconfigured(CommandFailed):
    """A system check refuses the settings."""

    code = "configuration"


class ChecksFailed(CommandFailed):
    """`doctor` found something to mend."""

    code = "checks_failed"


class WrongUsage(CommandFailed):
    """The arguments make no sense."""

    exit_code = 2
    code = "usage"


class NotFound(CommandFailed):
    """What was named is not there."""

    exit_code = 4
    code = "not_found"


class Refused(CommandFailed):
    """The state does not allow it."""

    exit_code = 5
    code = "refused"


class Held(CommandFailed):
    """Someone else holds it."""

    exit_code = 5
    code = "held"


class IntegrityFailed(CommandFailed):
    """It is not safe to go on."""

    exit_code = 6
    code = "integrity"


class ConfirmationNeeded(CommandFailed):
    """A person has to say yes first."""

    exit_code = 7
    code = "confirmation_needed"


class DatabaseUnreachable(CommandFailed):
    """The database does not answer."""

    exit_code = 75
    code = "database_unreachable"


class DatabaseNotMigrated(CommandFailed):
    """The tables are not those of this version."""

    exit_code = 75
    code = "database_not_migrated"


class ReaderGone(CalledOff):
    """Nobody reads what is printed any more, as behind `| head`."""


# What the models and Django raise; a command that meets one of these needs no code for it.
EXPECTED = (
    SessionNotFound,
    NoVerdictYet,
    StepRefused,
    ActRefused,
    DatabaseError,
    InterfaceError,
    CommandError,
)


def failure_of(error: Exception) -> CommandFailed:
    """Name the failure behind one of the EXPECTED errors."""
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, SessionNotFound):
        return NotFound(str(error), hint="`latest` is the newest session.")
    if isinstance(error, NoVerdictYet):
        return NotFound(str(error), session=error.session.pk)
    if isinstance(error, StepRefused):
        hint = HINTS.get(error.status, "").format(session=error.session.pk)
        return Refused(str(error), hint=hint, session=error.session.pk)
    if isinstance(error, ActRefused):
        return _recovery_failure(error)
    if isinstance(error, DatabaseError | InterfaceError):
        return DatabaseUnreachable(f"The database did not answer: {first_line(error)}", hint=DATABASE_HINT)
    if isinstance(error, SystemCheckError):
        return Misconfigured(str(error), hint="`manage.py check` says whether it is mended.")
    return CommandFailed(str(error))


def _recovery_failure(error: Exception) -> CommandFailed:
    if isinstance(error, NotSafe):
        return IntegrityFailed(str(error), session=error.session.pk)
    if isinstance(error, ConfirmationRequired):
        return ConfirmationNeeded(str(error), hint="Add --yes to say yes.")
    return Refused(str(error))


def first_line(error: BaseException) -> str:
    """Give the first line of an error's text, or its kind when it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
