"""Acts on several sessions at once, as the administration offers them: each previewed, each done, each told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing import access, wording
from processing.models import ProcessingSession, SessionNotFound
from recovery import acts, checkpoint_acts
from recovery.audit import REFUSALS, Action, record
from recovery.automatic import way_on
from recovery.deletion import delete_session
from recovery.happened import percent
from recovery.integrity import Tally, verify
from recovery.kinds import CheckpointType
from recovery.plans import RecoveryOption
from recovery.resume import execute_recovery
from recovery.undo import newest_attempt, preview_undo, rollback_recovery

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    Person = User | AnonymousUser

# A page verifies sessions of at most so many verdicts at once: 0.08 ms each. The command has no limit.
VERIFIED_MAX = 50_000
Who = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """What may be done to sessions. `preview` is there for those that are asked about first."""

    label: Any
    do: Callable[[ProcessingSession, Who, int | None], str]
    action: Action | None = None
    preview: Callable[[ProcessingSession], str] | None = None
    is_allowed: Callable[["Person", ProcessingSession], bool] = access.may_operate


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one session."""

    session: ProcessingSession
    text: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One session of a question: what would be done, and the state that this was said of."""

    session: ProcessingSession
    text: str
    attempt: int
    is_allowed: bool


def ask(name: str, sessions: Iterable[ProcessingSession], user: "Person") -> list[Asked]:
    """Say of each session what an act would do."""
    act = ACTS[name]
    if act.preview is None:
        raise ValueError(f"{name} is not asked about.")
    lines = []
    for session in sessions:
        is_allowed = act.is_allowed(user, session)
        text = act.preview(session) if is_allowed else _("Your role does not allow it.")
        lines.append(Asked(session, text, session.attempt, is_allowed))
    return lines


def carry_out(
    name: str,
    sessions: Iterable[ProcessingSession],
    user: "Person",
    who: Who,
    shown: Mapping[str, int] | None = None,
) -> list[Told]:
    """Do an act to each session; `shown` are the attempts that were shown, by id. What is refused changes nothing."""
    act, told = ACTS[name], []
    for session in sessions:
        if not act.is_allowed(user, session):
            told.append(_turned_away(act, session, who))
            continue
        try:
            text = act.do(session, who, (shown or {}).get(str(session.pk)))
        except (*REFUSALS, SessionNotFound) as error:
            told.append(Told(session, str(error), is_done=False))
        else:
            told.append(Told(session, text, is_done=True))
    return told


def _turned_away(act: Act, session: ProcessingSession, who: Who) -> Told:
    """Refuse somebody whose role does not allow it, with an entry in the audit log where acts have one."""
    why = _("Your role does not allow it.")
    if act.action is not None:
        with transaction.atomic():
            record(act.action, session=session.pk, outcome=f"refused: {why}", **who)
    return Told(session, why, is_done=False)


def _preview_recovery(session: ProcessingSession) -> str:
    option = way_on(session)
    if not option.available:
        return option.risks[0]
    return _("Keeps {keep} verdicts, does {redo} again, leaves {left}; {sure} sure.").format(
        keep=wording.grouped(option.keep),
        redo=wording.grouped(option.redo),
        left=wording.grouped(option.left),
        sure=percent(option.confidence),
    )


def _recover(session: ProcessingSession, who: Who, shown: int | None) -> str:
    recovered = execute_recovery(
        session, RecoveryOption.CONTINUE, by=who["actor"], address=who["address"], attempt=shown
    )
    return recovered.message


def _preview_roll_back(session: ProcessingSession) -> str:
    attempt = newest_attempt(session)
    if attempt is None:
        return _("No recovery of it is in force.")
    moved = preview_undo(session, attempt.number)
    return _(
        "Recovery {number} is undone: {back} verdicts come back, {aside} made since are put aside."
    ).format(
        number=attempt.number, back=wording.grouped(moved["back"]), aside=wording.grouped(moved["aside"])
    )


def _roll_back(session: ProcessingSession, who: Who, shown: int | None) -> str:
    undone = rollback_recovery(session, by=who["actor"], address=who["address"], attempt=shown)
    return undone.message


def _verify(session: ProcessingSession, _who: Who, _shown: int | None) -> str:
    if session.counts()["processed"] > VERIFIED_MAX:
        return _("It is large: verify it by {command}.").format(command=f"manage.py verify {session.pk}")
    tally = Tally()
    problems = [finding.text for finding in verify(session, tally=tally)]
    if not problems:
        return _("Everything is as it was written.")
    return _("{count} problems. {first}").format(count=len(problems), first=problems[0])


def _checkpoint(session: ProcessingSession, who: Who, _shown: int | None) -> str:
    made = checkpoint_acts.take(session, CheckpointType.MANUAL, **who)
    return _("Checkpoint taken at {count} photos.").format(count=wording.grouped(made.processed_count))


def _pause(session: ProcessingSession, who: Who, _shown: int | None) -> str:
    acts.pause(session, **who)
    return _("Paused.")


def _resume(session: ProcessingSession, who: Who, _shown: int | None) -> str:
    acts.resume(session, **who)
    return _("Resumed.")


def _clean_up(session: ProcessingSession, who: Who, _shown: int | None) -> str:
    deleted = checkpoint_acts.clean_up(session.pk, settings.CHECKPOINT_KEEP_COUNT, **who)
    return _("{count} checkpoints were deleted.").format(count=wording.grouped(deleted))


def _preview_deletion(session: ProcessingSession) -> str:
    if not session.is_finished:
        return _("Only a completed or a cancelled session can be deleted.")
    return _(
        "{count} verdicts are deleted, with their checkpoints and pictures. That cannot be undone."
    ).format(count=wording.grouped(session.counts()["processed"]))


def _delete(session: ProcessingSession, who: Who, _shown: int | None) -> str:
    deleted = delete_session(session, by=who["actor"], address=who["address"])
    return _("Deleted, with {count} verdicts.").format(count=wording.grouped(deleted["imageresult"]))


ACTS: dict[str, Act] = {
    "recover": Act(gettext_lazy("Recover (continue)"), _recover, Action.RECOVER, _preview_recovery),
    "roll_back": Act(
        gettext_lazy("Undo the newest recovery"), _roll_back, Action.ROLLBACK, _preview_roll_back
    ),
    "verify": Act(gettext_lazy("Verify"), _verify, is_allowed=access.may_verify),
    "checkpoint": Act(gettext_lazy("Take a checkpoint now"), _checkpoint, Action.CHECKPOINT),
    "pause": Act(gettext_lazy("Pause"), _pause, Action.PAUSE),
    "resume": Act(gettext_lazy("Resume"), _resume, Action.RESUME),
    "clean_up": Act(gettext_lazy("Clean up checkpoints"), _clean_up, Action.CLEANUP),
    "delete": Act(gettext_lazy("Delete for good"), _delete, Action.DELETE, _preview_deletion),
}
