"""Sessions with files, as a crash leaves them, and the forms that people send about them."""

import re
import socket
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission, User

from processing.models import ProcessingSession
from recovery.models import Crash
from recovery.plans import state_of
from tests.factories import make_crash, make_worker
from tests.people import address
from tests.recovery.sound import sound_session
from tests.recovery.sources import lay_out

PROBABILITIES = {"power_failure": 0.91, "system_crash": 0.07, "unknown": 0.02}


def lying_session(folder: Path, **columns: Any) -> ProcessingSession:
    """Make a session of 12 photos in 3 batches, 10 judged, whose files lie in a folder."""
    session = sound_session(**columns)
    lay_out(session, folder)
    return session


def interrupt(session: ProcessingSession, **columns: Any) -> Crash:
    """Let the power fail."""
    worker = make_worker(host=socket.gethostname())
    worker.end()
    session.latch()
    facts = {"boot_then": "a" * 36, "boot_now": "b" * 36, "exit_code": -9, "then": {}, "dump": ["one", "two"]}
    values = {
        "crash_type": "power_failure",
        "probabilities": PROBABILITIES,
        "evidence": ["The machine was started anew.", "Nobody saw how it ended."],
        "photo": "deeper/eveningglow.jpg",
        "interrupts": True,
        "facts": facts,
    }
    return make_crash(worker=worker, session=session, **(values | columns))


def give_role(user: User, name: str, *permissions: str) -> None:
    """Give somebody a role; a test with transactions of its own begins without groups."""
    role, _ = Group.objects.get_or_create(name=name)
    role.permissions.set(Permission.objects.filter(codename__in=permissions))
    user.groups.add(role)


def recovery(session: ProcessingSession, query: str = "") -> str:
    """Address of a session's recovery."""
    return address(session, "recovery") + query


def answer(session: ProcessingSession, option: str, **fields: str) -> dict[str, str]:
    """Fill in the form that shows a session's present state."""
    return {"option": option, "state": state_of(session)} | fields


def shown_state(page: str) -> str:
    """Give the state that a page's form shows."""
    found = re.search(r'name="state" value="([^"]+)"', page)
    assert found
    return found[1]


def standing(session: ProcessingSession) -> tuple[object, ...]:
    """What must not change when an act is refused."""
    session.refresh_from_db()
    live = session.results.filter(superseded_by=None).count()
    return session.status, session.attempt, live, session.counts()["processed"]
