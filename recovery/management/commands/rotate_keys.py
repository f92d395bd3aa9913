"""`rotate_keys`: bring everything that older keys have signed or encrypted under the first one."""

import sys
from typing import Any

from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import IntegrityFailed
from recovery.audit import Action, audited
from recovery.rotation import Rotation, old_keys_needed, refuse_while_other_keys_sign

NOT_ROTATED = "not_rotated"


class Command(StockproofCommand):
    """Rotates keys."""

    help = (
        "Bring results, batches, checkpoints and sums under the first of STOCKPROOF_CHECKPOINT_KEYS. Put the new key "
        "first and restart everything before; workers may go on meanwhile. It can be stopped and begun again. What "
        "does not hold under its own key is named and left."
    )
    example = "rotate_keys"

    def handle(self, **_options: Any) -> None:
        """Rotate."""
        rotation = Rotation()
        with audited(Action.ROTATE_KEYS, actor=acting_person(), details={"phase": "begun"}):
            refuse_while_other_keys_sign()
        for count, session_id in enumerate(rotation.run(), 1):
            self.note(f"Session {session_id} is done, the {count}. of {rotation.sessions_count}.")
        needed = old_keys_needed(rotation.left)
        details = {"phase": "ended", **rotation.counts(), "left": len(rotation.left)}
        with audited(Action.ROTATE_KEYS, actor=acting_person(), details=details):
            pass
        self._tell(rotation, needed)
        if rotation.left:
            sys.exit(IntegrityFailed.exit_code)

    def _tell(self, rotation: Rotation, needed: dict[str, list[str]]) -> None:
        if self.wants_json:
            for text in rotation.left:
                self.emit("finding", {"code": NOT_ROTATED, "text": text, "repairable": False})
            counts = {**rotation.counts(), "left": len(rotation.left)}
            self.emit("rotation", {**counts, "old_keys_needed_by": needed})
            return
        for text in rotation.left:
            self.say(f"Left as it is: {text}")
        numbers = ", ".join(f"{count} {name}" for name, count in rotation.counts().items())
        self.say(f"Brought under the first key: {numbers}.")
        for key_id, reasons in needed.items():
            why = f"is still needed by {' and '.join(reasons)}" if reasons else "is needed no longer"
            self.say(f"Key {key_id} {why}.")
