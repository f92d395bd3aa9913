"""Every address of the product: what it is, and what it answers to whom. A new address gets a line here.

A line names a kind, and the kind says for each role which status a GET and a POST get. An address that needs more than
empty form data, or has an answer of its own, says so in its line.
"""

from dataclasses import dataclass, field, replace
from typing import Any

ROLES = (
    "anonymous",
    "stranger",
    "viewer",
    "operator",
    "clerk",  # Staff with every right but to see the sessions of others.
    "auditor",
    "administrator",
    "superuser",
    "owner",
)
OTHERS = ("stranger", "viewer", "operator", "clerk")
ADMITTED = ("clerk", "auditor", "administrator", "superuser")
Statuses = dict[str, int]


@dataclass(frozen=True)
class Place:
    """What an address answers: a status by role, for GET and for POST with this data."""

    get: Statuses
    post: Statuses
    data: dict[str, Any] = field(default_factory=dict)


def alike(status: int) -> Statuses:
    """Answer everybody the same."""
    return dict.fromkeys(ROLES, status)


def known(status: int, **others: int) -> Statuses:
    """Send strangers to the login, and answer everybody else the same, but for some."""
    return alike(status) | {"anonymous": 302} | others


def seeing(status: int, **others: int) -> Statuses:
    """Answer those who may see the owner's session; to everybody else it is not there."""
    return known(status) | dict.fromkeys(OTHERS, 404) | others


def presets(status: int) -> Statuses:
    """Answer those who may change presets."""
    allowed = ("operator", "clerk", "administrator", "superuser")
    return known(403) | dict.fromkeys(allowed, status)


def admitted(status: int, **others: int) -> Statuses:
    """Answer those who may enter the administration; everybody else is sent to its login."""
    return alike(302) | dict.fromkeys(ADMITTED, status) | others


PAGE = Place(known(200), alike(405))
PERSONAL_ACT = Place(alike(405), known(302))
SESSION_PAGE = Place(seeing(200), alike(405))
SESSION_FILE = Place(seeing(200), alike(405))
# One that is not there: no more is said to who may see the session than to who may not.
MISSING_FILE = Place(seeing(404), alike(405))
SESSION_ACT = Place(alike(405), seeing(302, auditor=403))
SESSION_QUESTION = Place(seeing(200, auditor=403), seeing(302, auditor=403))
REFUSED_ACT = Place(alike(405), seeing(409, auditor=403))

AUDIT_ACT = Place(alike(405), known(403, auditor=302, administrator=302, superuser=302))

SESSIONS = {
    "sessions": PAGE,
    "keys": PAGE,
    "session-new": Place(known(200, viewer=403, auditor=403), known(400, viewer=403, auditor=403)),
    "session": SESSION_PAGE,
    "session-pause": SESSION_ACT,
    "session-resume": REFUSED_ACT,
    "session-cancel": SESSION_QUESTION,
    "session-checkpoint": SESSION_ACT,
    "session-results": SESSION_PAGE,
    "session-photo": SESSION_PAGE,
    "session-verdict": replace(SESSION_ACT, data={"one": "rejected 0"}),
    # Without a verdict nothing can be asked, and while photos are still judged nothing is done.
    "session-verdict-all": Place(seeing(400, auditor=403), seeing(409, auditor=403), {"say": "approved"}),
    "session-verdict-undo": Place(alike(405), seeing(400, auditor=403)),
    "session-thumbnail": SESSION_FILE,
    "session-crop": MISSING_FILE,
    "session-picture": MISSING_FILE,
}
RECOVERY = {
    "recovery": PAGE,
    "recovery-dialog": PERSONAL_ACT,
    "recovery-banner": Place(known(302), alike(405)),
    "recovery-batch": Place(known(302), known(400, viewer=403, auditor=403)),
    "recovery-crashes": PAGE,
    "checkpoints-clean": Place(alike(405), seeing(400, auditor=403)),
    "checkpoint-verify": Place(alike(405), seeing(302)),
    "checkpoint-pin": Place(alike(405), seeing(400, auditor=403)),
    "audit-verify": AUDIT_ACT,
    "audit-export": PAGE,
    "session-undo": Place(alike(405), seeing(400, auditor=403)),
    "session-recovery": Place(seeing(200), seeing(400, auditor=403)),
    "session-timeline": SESSION_PAGE,
    "session-checkpoints": SESSION_PAGE,
    "statistics": PAGE,
    "audit": PAGE,
}
ACCOUNTS = {
    "healthz": Place(alike(200), alike(405)),
    # Nobody works while the walk is on.
    "readyz": Place(alike(503), alike(405)),
    # The walk comes from this machine itself.
    "metrics": Place(alike(200), alike(405)),
    "login": Place(alike(302) | {"anonymous": 200}, alike(302) | {"anonymous": 200}),
    "keys": PAGE,
    "logout": Place(alike(405), alike(302)),
    "settings": PAGE,
    "settings-appearance": replace(PERSONAL_ACT, data={"theme": "dark"}),
    "settings-keys": PERSONAL_ACT,
    "settings-password": Place(known(200), known(400)),
    "settings-sign-out": PERSONAL_ACT,
    "settings-token-new": Place(alike(405), known(400)),
    "settings-token-revoke": Place(alike(405), known(404, owner=302)),
    "preset-new": Place(presets(200), presets(400)),
    "preset": Place(presets(200), presets(400)),
    "preset-delete": Place(alike(405), presets(302)),
    "preset-restore": Place(alike(405), presets(409)),
}
