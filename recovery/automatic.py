"""Going on without asking: interrupted sessions whose recovery is sure enough, with waits and a limit."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db.models.functions import Now

from processing.models import ProcessingSession, StepRefused
from processing.sources import SourceGone
from recovery.confidence import SAFE_MIN, fruitless_count
from recovery.models import RecoveryAttempt
from recovery.plans import Option, RecoveryOption, prepare_recovery_options
from recovery.resume import NotSafe, Recovered, execute_recovery

logger = logging.getLogger(__name__)

BY = "automatic"
FRUITLESS_MAX = 3
BACKOFF_S = 10
POLICIES = ("off", "safe", "always")


def recover_safe(policy: str = "safe", *, by: str = BY) -> list[tuple[ProcessingSession, Recovered]]:
    """Continue every interrupted session that the policy lets go on; give what was done.

    `safe`: the confidence is at least SAFE_MIN. `always`: whatever the confidence, unless it is unsafe. After a
    recovery without a new verdict it waits longer each time, and after FRUITLESS_MAX of them leaves it to a person.
    """
    done = []
    for session in ProcessingSession.objects.interrupted().order_by("created_at", "pk"):
        if by == BY and _waits(session):
            continue
        option = next(o for o in prepare_recovery_options(session) if o.option == RecoveryOption.CONTINUE)
        if option.available and (policy == "always" or option.confidence >= SAFE_MIN):
            done += _recover(session, option, by)
    return done


def _recover(
    session: ProcessingSession, option: Option, by: str
) -> Iterator[tuple[ProcessingSession, Recovered]]:
    try:
        yield session, execute_recovery(session, option.option, by=by, attempt=option.attempt)
    except (StepRefused, NotSafe, SourceGone) as error:
        logger.warning("session not recovered", extra={"session": str(session.pk), "error": str(error)})


def _waits(session: ProcessingSession) -> bool:
    """Whether it is too early, or of no use, to try once more."""
    count = fruitless_count(session)
    if count == 0:
        return False
    wait = timedelta(seconds=BACKOFF_S * 2 ** (count - 1))
    recent = RecoveryAttempt.objects.filter(session=session, created_at__gt=Now() - wait)
    return count >= FRUITLESS_MAX or recent.exists()
