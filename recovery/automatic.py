"""Going on without asking: interrupted sessions whose recovery is sure enough, with waits and a limit."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from processing.models import ProcessingSession, StepRefused
from recovery.audit import ActRefused
from recovery.confidence import SAFE_MIN, fruitless_count
from recovery.models import RecoveryAttempt
from recovery.plans import Option, RecoveryOption, prepare_recovery_options
from recovery.resume import Recovered, execute_recovery

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

BY = "automatic"
FRUITLESS_MAX = 3
BACKOFF_S = 10
# A session that is left to a person is looked at again after this time: a look walks through its source.
LOOK_AGAIN_S = 300.0

Done = tuple[ProcessingSession, Recovered]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one session of many; without a recovery, why it was left as it is."""

    session: ProcessingSession
    recovered: Recovered | None
    why: str = ""


def recover_safe(policy: str = "safe", *, by: str = BY) -> list[Done]:
    """Continue every interrupted session that the policy lets go on; give what was done.

    `safe`: the confidence is at least SAFE_MIN. `always`: whatever the confidence, unless it is unsafe.
    """
    return _done(
        recover_each(ProcessingSession.objects.interrupted().order_by("created_at", "pk"), policy, by=by)
    )


def recover_each(
    sessions: Iterable[ProcessingSession], policy: str, *, by: str, address: str | None = None
) -> Iterator[Outcome]:
    """Continue some interrupted sessions, one by one, as far as the policy lets them go on; say what became of each.

    One that somebody has recovered meanwhile, and perhaps paused for a reason, is left as it is.
    test: test_session_that_was_paused_meanwhile_does_not_go_on_with_others.
    """
    for one in sessions:
        session = ProcessingSession.objects.interrupted().filter(pk=one.pk).first()
        if session is None:
            yield Outcome(one, None, "It is not interrupted any more: somebody else was first.")
            continue
        option = way_on(session)
        if not may_go_on(option, policy):
            logger.info("session left to a person", extra={"session": str(session.pk), "risks": option.risks})
            yield Outcome(session, None, doubt_about(option))
            continue
        try:
            recovered = execute_recovery(
                session, option.option, by=by, attempt=option.attempt, address=address
            )
        except (StepRefused, ActRefused) as error:
            logger.warning("session not recovered", extra={"session": str(session.pk), "error": str(error)})
            yield Outcome(session, None, str(error))
        else:
            yield Outcome(session, recovered)


def way_on(session: ProcessingSession) -> Option:
    """Look at what `continue` would do."""
    return next(o for o in prepare_recovery_options(session) if o.option == RecoveryOption.CONTINUE)


def may_go_on(option: Option, policy: str = "safe") -> bool:
    """Whether a policy lets a session go on without a look at it."""
    return option.available and (policy == "always" or option.confidence >= SAFE_MIN)


def doubt_about(option: Option) -> str:
    """Say why a session is left to a person."""
    doubts = [part.text for part in option.confidence_parts if part.score < 1]
    return (doubts if option.available else [*option.risks, *doubts])[0]


def _done(outcomes: Iterable[Outcome]) -> list[Done]:
    return [(one.session, one.recovered) for one in outcomes if one.recovered is not None]


class Rescuer:
    """What `serve --unattended` does every second: recovers what may be recovered, and has patience with the rest.

    After a recovery without a new verdict it waits longer each time, and after FRUITLESS_MAX of them leaves the
    session to a person.
    """

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._not_before: dict[tuple[UUID, int], float] = {}

    def __call__(self) -> list[Done]:
        """Look once."""
        sessions = ProcessingSession.objects.interrupted().order_by("created_at", "pk")
        return _done(recover_each([s for s in sessions if self._is_due(s)], self._policy, by=BY))

    def _is_due(self, session: ProcessingSession) -> bool:
        state = (session.pk, session.attempt)
        if time.monotonic() < self._not_before.get(state, 0.0) or _waits(session):
            return False
        self._not_before[state] = time.monotonic() + LOOK_AGAIN_S
        return True


def _waits(session: ProcessingSession) -> bool:
    """Whether it is too early, or of no use, to try once more."""
    count = fruitless_count(session)
    if count == 0:
        return False
    wait = timedelta(seconds=BACKOFF_S * 2 ** (count - 1))
    recent = RecoveryAttempt.objects.filter(session=session, created_at__gt=Now() - wait)
    return count >= FRUITLESS_MAX or recent.exists()
