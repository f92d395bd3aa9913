"""Every operation of the REST interface: its method, its scope, and what it answers to whom. A new one gets a line here.

What a role is answered is the same by the cookie of a browser and by a token with the operation's scope.
"""

from dataclasses import dataclass

from processing.models import Scope
from tests.views.places import OTHERS, Statuses, alike

READ, RUN, RECOVER, ADMIN = Scope.READ, Scope.RUN, Scope.RECOVER, Scope.ADMIN


@dataclass(frozen=True)
class Operation:
    """One operation; a body that is None is not sent."""

    method: str
    scope: Scope
    answers: Statuses
    body: object = None
    query: str = ""


def known(status: int, **others: int) -> Statuses:
    """Refuse strangers, and answer everybody else the same, but for some."""
    return alike(status) | {"anonymous": 401} | others


def seeing(status: int, **others: int) -> Statuses:
    """Answer those who may see the owner's session; to everybody else it is not there."""
    return known(status) | dict.fromkeys(OTHERS, 404) | others


def acting(status: int) -> Statuses:
    """Answer those who may act on the owner's session; the auditor may only look."""
    return seeing(status, auditor=403)


PRESET = {"name": "Microstock", "rules": {"min_megapixels": 4}}
SAID = {"verdict": "rejected", "note": "too dark"}

OPERATIONS = {
    "list_sessions": Operation("get", READ, known(200)),
    # Nobody has a folder there; who may begin no session is not even told that.
    "create_session": Operation(
        "post", RUN, known(422, viewer=403, auditor=403), {"source": "/nowhere/at/all"}
    ),
    "show_session": Operation("get", READ, seeing(200)),
    "rename_session": Operation("patch", RUN, acting(200), {"name": "Winter"}),
    "show_progress": Operation("get", READ, seeing(200)),
    "pause_session": Operation("post", RUN, acting(200)),
    "cancel_session": Operation("post", RUN, acting(200), {"reason": "wrong folder"}),
    "list_results": Operation("get", READ, seeing(200)),
    "show_result": Operation("get", READ, seeing(200)),
    "override_result": Operation("patch", RUN, acting(200), SAID),
    "override_results": Operation("post", RUN, acting(200), SAID),
    "list_presets": Operation("get", READ, known(200)),
    "create_preset": Operation(
        "post", ADMIN, known(403, operator=201, clerk=201, administrator=201, superuser=201), PRESET
    ),
    "list_audit": Operation("get", ADMIN, known(200)),
    "verify_audit": Operation("post", ADMIN, known(403, auditor=200, administrator=200, superuser=200)),
    "list_crashed_sessions": Operation("get", READ, known(200)),
    "list_recovery_options": Operation("get", READ, seeing(200)),
    # The owner's session runs: nothing is to be recovered, no pause to be lifted, and no recovery to be undone.
    "recover_session": Operation("post", RECOVER, acting(409), {"option": "continue"}),
    "resume_session": Operation("post", RECOVER, acting(409)),
    "roll_back_recovery": Operation("post", RECOVER, acting(409), {"attempt": 1}),
    "list_checkpoints": Operation("get", READ, seeing(200)),
    "clean_up_checkpoints": Operation("delete", RECOVER, acting(200), query="?keep=1"),
    "get_latest_checkpoint": Operation("get", READ, seeing(200)),
    "take_checkpoint": Operation("post", RECOVER, acting(201)),
    "take_emergency_checkpoint": Operation("post", RECOVER, acting(201), {"note": "a storm comes"}),
    "verify_session": Operation("post", RECOVER, seeing(200)),
    "get_recovery_statistics": Operation("get", READ, known(200)),
}
# What describes them is read by whoever may call, with any scope; the root leads nowhere.
DESCRIPTIONS = {"openapi-json": known(200), "openapi-view": known(200), "api-root": alike(404)}
