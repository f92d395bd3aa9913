"""Going on without asking: interrupted sessions whose recovery is sure enough, with waits and a limit."""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from processing.models import ProcessingSession, StepRefused
from recovery.audit import ActRefused
from recovery.confidence import SAFE_MIN, fruitless_count
from recovery.models import RecoveryAttempt
from recovery.plans import RecoveryOption, prepare_recovery_options
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


def recover_safe(policy: str = "safe", *, by: str = BY) -> list[Done]:
    """Continue every interrupted session that the policy lets go on; give what was done.

    `safe`: the confidence is at least SAFE_MIN. `always`: whatever the confidence, unless it is unsafe.
    """
    return list(
        _recover_each(ProcessingSession.objects.interrupted().order_by("created_at", "pk"), policy, by)
    )


def _recover_each(sessions: Iterable[ProcessingSession], policy: str, by: str) -> Iterator[Done]:
    for session in sessions:
        option = next(o for o in prepare_recovery_options(session) if o.option == RecoveryOption.CONTINUE)
        if not option.available or (policy != "always" and option.confidence < SAFE_MIN):
            logger.info("session left to a person", extra={"session": str(session.pk), "risks": option.risks})
            continue
        try:
            yield session, execute_recovery(session, option.option, by=by, attempt=option.attempt)
        except (StepRefused, ActRefused) as error:
            logger.warning("session not recovered", extra={"session": str(session.pk), "error": str(error)})


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
        return list(_recover_each([s for s in sessions if self._is_due(s)], self._policy, BY))

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
