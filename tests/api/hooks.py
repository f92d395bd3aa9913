"""What schemathesis is told of us: ids, positions and folders that are there, so that it comes past the first 404.

Loaded by its own process. A wrong value stays wrong; a right one becomes one of those in KNOWN, chosen by what it was.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import schemathesis

KNOWN: dict[str, Any] = json.loads(os.environ["STOCKPROOF_KNOWN"])
KEY = "Idempotency-Key"
GOOD_KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEY_LENGTH_MAX, DIGITS = 255, 32
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
POSITIONS = 12
# One of so many ids stays as it was generated: nobody's.
STRANGE_EVERY = 8


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Lead a request to what is there."""
    _lead_path(case)
    if isinstance(case.query, dict) and "checkpoint" in case.query:
        case.query["checkpoint"] = _one_of(KNOWN["checkpoints"], case.query["checkpoint"])
    if isinstance(case.body, dict):
        case.body = {name: _led(name, value) for name, value in case.body.items()}
    _tell_requests_apart(case)


def _lead_path(case: Any) -> None:
    path = case.path_parameters or {}
    if "session_id" in path:
        kind = "to_cancel" if case.operation.path.endswith("/cancel") else "sessions"
        path["session_id"] = _one_of(KNOWN[kind], path["session_id"])
    if isinstance(path.get("position"), int) and path["position"] >= 0:
        path["position"] %= POSITIONS


def _led(name: str, value: Any) -> Any:
    """Give a value that is there, or that can be read, for one that the schema allows and cannot say more about."""
    if name == "checkpoint_id":
        return _one_of(KNOWN["checkpoints"], value)
    if name in ("source", "preset") and _is_line(value):
        return KNOWN[name]
    if name == "name" and _is_line(value):
        return _readable(value)
    if name == "rules" and isinstance(value, dict):
        return {rule: _readable_words(words) for rule, words in value.items()}
    return value


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not CONTROLS.search(value)


def _readable_words(words: Any) -> Any:
    return (
        [_readable(one) if isinstance(one, str) and one else one for one in words]
        if isinstance(words, list)
        else words
    )


def _readable(text: str) -> str:
    return "".join(letter if letter.isprintable() and not letter.isspace() else "x" for letter in text)


def _one_of(known: Sequence[str], generated: Any) -> Any:
    """Give a known value for a generated one that is an id."""
    try:
        number = UUID(str(generated)).int
    except ValueError:
        return generated
    return generated if number % STRANGE_EVERY == 0 else known[number // STRANGE_EVERY % len(known)]


def _tell_requests_apart(case: Any) -> None:
    """Send a key again only with the same request: the schema cannot say that another one is refused."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and GOOD_KEY.fullmatch(key):
        request = repr((case.operation.label, case.path_parameters, case.query, case.body))
        digest = hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
        case.headers[KEY] = key[: KEY_LENGTH_MAX - DIGITS] + digest[:DIGITS]
