"""What persons say of photos, each time with its entry in the audit log: commands, pages and REST call these."""

from typing import Any

from processing import overriding
from processing.models import ProcessingSession
from processing.overriding import Choice, Saying
from processing.turns import Turns
from recovery.audit import Action, audited


def say(session: ProcessingSession, position: int, saying: Saying, *, address: str | None = None) -> int:
    """Put one photo under a person's verdict, or withdraw it; give how many events that added, 0 or 1.

    Raises as `processing.overriding.override`; a refusal is recorded too.
    """
    details = {"position": position, **_facts(saying)}
    with audited(
        Action.OVERRIDE, actor=saying.by, session=session.pk, details=details, address=address
    ) as facts:
        facts["photos"] = changed = overriding.say(session, [position], saying)
    return changed


def say_to_all(
    session: ProcessingSession, choice: Choice, saying: Saying, *, address: str | None = None
) -> int:
    """Say something of all photos that are meant, page by page; give how many events that added.

    Each page is a transaction of its own with its own entry: nothing waits long for the session, and whoever is
    killed in the middle says it again. Raises StepRefused when the session is cancelled; that is recorded too.
    """
    details = {"decision": choice.decision, "reason": choice.reason, **_facts(saying)}
    changed, after, is_last, turns = 0, -1, False, Turns()
    while not is_last:
        with audited(
            Action.OVERRIDE, actor=saying.by, session=session.pk, details=details, address=address
        ) as facts:
            page = overriding.say_to_page(session, choice, saying, after)
            facts.update(photos=page.changed, behind=after, until=page.last_position)
        changed, after, is_last = changed + page.changed, page.last_position, page.is_last
        turns.give_way()
    return changed


def _facts(saying: Saying) -> dict[str, Any]:
    return {"verdict": saying.verdict or None, "note": saying.note}
