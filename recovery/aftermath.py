"""What the pages say after a recovery: what was done, and what an undo would give back and put aside."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from processing import wording
from processing.models import ProcessingSession
from recovery.models import RecoveryAttempt
from recovery.plans import RecoveryOption
from recovery.undo import newest_attempt, preview_undo, refusal

ATTEMPTS_MAX = 20
OPTIONS = {
    RecoveryOption.CONTINUE.value: gettext_lazy("Continued"),
    RecoveryOption.RESTART_BATCH.value: gettext_lazy("Open batches restarted"),
    RecoveryOption.FRESH_START.value: gettext_lazy("Started fresh"),
}


@dataclass(frozen=True, slots=True)
class Undoing:
    """What an undo of a recovery would do; `above` names what goes with it, `reason` says why it cannot be."""

    attempt: RecoveryAttempt
    title: str
    above: str
    back: str
    aside: str
    keep: str
    reason: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """One line of the list of recoveries."""

    number: int
    title: str
    by: str
    at: datetime
    undone: str


@dataclass(frozen=True, slots=True)
class Done:
    """One recovery that was carried out: what it kept, made again and left, and its steps in order."""

    attempt: RecoveryAttempt
    title: str
    sentence: str
    steps: list[str]


def title_of(attempt: RecoveryAttempt) -> str:
    """Say in a few words what a recovery did."""
    if attempt.checkpoint is not None:
        return _("Gone back to a checkpoint")
    if attempt.option == RecoveryOption.CONTINUE and "start_index" in attempt.preview:
        number = wording.grouped(attempt.preview["start_index"] + 1)
        return _("Continued from photo {number}").format(number=number)
    return str(OPTIONS.get(attempt.option) or attempt.option)


def done_of(attempt: RecoveryAttempt) -> Done:
    """Say what a recovery has done, by the numbers that it stored itself."""
    return Done(attempt, title_of(attempt), _sentence(attempt), _steps(attempt))


def undoing_of(session: ProcessingSession, attempt: RecoveryAttempt | None = None) -> Undoing | None:
    """Say what an undo of a recovery, by default the newest, would give back and put aside; None: none to undo."""
    attempt = attempt or newest_attempt(session)
    if attempt is None or attempt.undone_at is not None:
        return None
    moved = preview_undo(session, attempt.number)
    return Undoing(
        attempt=attempt,
        title=title_of(attempt),
        above=_above(attempt),
        back=_back(moved["back"]),
        aside=_aside(moved["aside"]),
        keep=_keep(moved["keep"], attempt.created_at),
        reason=refusal(session, moved["back"]),
    )


def earlier_of(session: ProcessingSession) -> list[Earlier]:
    """List a session's recoveries, the newest first."""
    attempts = RecoveryAttempt.objects.filter(session=session).order_by("-number")[:ATTEMPTS_MAX]
    return [Earlier(one.number, title_of(one), one.by, one.created_at, _undone(one)) for one in attempts]


def _undone(attempt: RecoveryAttempt) -> str:
    if attempt.undone_at is None:
        return ""
    when = wording.instant(attempt.undone_at)
    return _("undone {when} by {name}").format(when=when, name=attempt.undone_by or _("nobody named"))


def _sentence(attempt: RecoveryAttempt) -> str:
    preview = attempt.preview
    if not preview:
        return _("It did not note its numbers.")
    kept, redo, left = (wording.grouped(preview[name]) for name in ("keep", "redo", "left"))
    if not preview["redo"]:
        return _("All {kept} verdicts were kept, nothing is done again, {left} photos were left.").format(
            kept=kept, left=left
        )
    return _(
        "{kept} verdicts were kept, {redo} were put aside to be made again, {left} photos were left."
    ).format(kept=kept, redo=redo, left=left)


def _steps(attempt: RecoveryAttempt) -> list[str]:
    """Tell what `execute_recovery` has done in its one transaction, in its order."""
    preview = attempt.preview
    steps = [
        _("Session locked; its state was the one that was shown"),
        _("The claims of the old workers withdrawn; they can no longer write"),
    ]
    if attempt.option != RecoveryOption.FRESH_START:
        steps.append(
            _("The batches that go on were verified: their digests and counters equal their verdicts")
        )
    if preview.get("redo"):
        steps.append(
            ngettext("{number} verdict put aside", "{number} verdicts put aside", preview["redo"]).format(
                number=wording.grouped(preview["redo"])
            )
        )
    if "left" in preview:
        steps.append(
            ngettext(
                "{number} photo is in the queue", "{number} photos are in the queue", preview["left"]
            ).format(number=wording.grouped(preview["left"]))
        )
    return [*steps, _("A checkpoint taken, and the act written to the audit log")]


def _above(attempt: RecoveryAttempt) -> str:
    above = RecoveryAttempt.objects.filter(
        session=attempt.session_id, undone_at=None, number__gt=attempt.number
    )
    count = above.count()
    if not count:
        return ""
    return ngettext(
        "The recovery that stands on it is undone with it.",
        "The {number} recoveries that stand on it are undone with it.",
        count,
    ).format(number=wording.grouped(count))


def _back(count: int) -> str:
    if not count:
        return _("No verdict had been put aside by it.")
    return ngettext(
        "{number} verdict that it put aside comes back.",
        "{number} verdicts that it put aside come back.",
        count,
    ).format(number=wording.grouped(count))


def _aside(count: int) -> str:
    if not count:
        return _("No verdict has been made since.")
    return ngettext(
        "{number} verdict made since is put aside, not deleted.",
        "{number} verdicts made since are put aside, not deleted.",
        count,
    ).format(number=wording.grouped(count))


def _keep(count: int, at: datetime) -> str:
    return ngettext(
        "The session is as it was before {when}: {number} verdict. It is paused, and you can take another way.",
        "The session is as it was before {when}: {number} verdicts. It is paused, and you can take another way.",
        count,
    ).format(number=wording.grouped(count), when=wording.instant(at))
