"""What persons say of photos, each time with its entry in the audit log: commands, pages and REST call these."""

from collections.abc import Sequence
from typing import Any

from processing import overriding, taking_back
from processing.models import ProcessingSession
from processing.overriding import Act, Choice, Saying
from processing.taking_back import Deed
from processing.turns import Turns
from recovery.audit import Action, audited


def say(session: ProcessingSession, position: int, saying: Saying, *, address: str | None = None) -> Act:
    """Put one photo under a person's verdict, or withdraw it; give the event that added, if any.

    Raises as `processing.overriding.override`; a refusal is recorded too.
    """
    return _say(session, [position], saying, {"position": position}, address)


def say_to_some(
    session: ProcessingSession, positions: Sequence[int], saying: Saying, *, address: str | None = None
) -> Act:
    """Put some photos under a person's verdict, all or none of them, or withdraw it; raises as `say`."""
    return _say(session, positions, saying, {"positions": list(positions)}, address)


def _say(
    session: ProcessingSession,
    positions: Sequence[int],
    saying: Saying,
    which: dict[str, Any],
    address: str | None,
) -> Act:
    details = which | _facts(saying)
    with audited(
        Action.OVERRIDE, actor=saying.by, session=session.pk, details=details, address=address
    ) as facts:
        act = overriding.say(session, positions, saying)
        facts["photos"] = act.changed
    return act


def say_to_all(
    session: ProcessingSession, choice: Choice, saying: Saying, *, address: str | None = None
) -> Act:
    """Say something of all photos that are meant, page by page; give the events that added.

    Each page is a transaction of its own with its own entry: nothing waits long for the session, and whoever is
    killed in the middle says it again. Raises StepRefused when the session is cancelled; that is recorded too.
    """
    details = {"decision": choice.decision, "reason": choice.reason, **_facts(saying)}
    act, after, is_last, turns = Act(), -1, False, Turns()
    while not is_last:
        with audited(
            Action.OVERRIDE, actor=saying.by, session=session.pk, details=details, address=address
        ) as facts:
            page = overriding.say_to_page(session, choice, saying, after)
            facts.update(photos=page.act.changed, behind=after, until=page.last_position)
        act, after, is_last = act + page.act, page.last_position, page.is_last
        turns.give_way()
    return act


def take_back(
    session: ProcessingSession, deed: Deed, by: str, *, address: str | None = None
) -> tuple[Act, int]:
    """Take an act back, page by page as `say_to_all`; give the events that added, and how many photos were left alone."""
    details = {"verdict": None, "undoes": {"verdict": deed.verdict or None, "by": deed.by}}
    act, kept, after, is_last, turns = Act(), 0, 0, False, Turns()
    while not is_last:
        with audited(
            Action.OVERRIDE, actor=by, session=session.pk, details=details, address=address
        ) as facts:
            page = taking_back.take_back_page(session, deed, by, after)
            facts.update(photos=page.act.changed, left_alone=page.kept)
        act, kept, after, is_last = act + page.act, kept + page.kept, page.last, page.is_last
        turns.give_way()
    return act, kept


def _facts(saying: Saying) -> dict[str, Any]:
    return {"verdict": saying.verdict or None, "note": saying.note}
