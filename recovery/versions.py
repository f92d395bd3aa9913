"""Versions of a checkpoint's state: which code wrote it, and how an older one is brought up to date."""

from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

# Raised when the keys of the state or their meaning change; MIGRATIONS then gets the step from the one before.
SCHEMA = 1

State = dict[str, Any]
# Schema -> the step that turns a state of it into one of the next.
MIGRATIONS: dict[int, Callable[[State], State]] = {}


class VersionRefused(Exception):
    """The state was written by a version that this one cannot read."""


@cache
def code_version() -> str:
    """Give the version of the installed code; `unknown` when it runs without being installed."""
    try:
        return metadata.version("stockproof")
    except metadata.PackageNotFoundError:
        return "unknown"


def upgrade(state: State, migrations: dict[int, Callable[[State], State]] | None = None) -> State:
    """Bring a state up to this version's schema, step by step.

    Raises VersionRefused with a sentence when it is newer than this code, or older than the oldest step.
    """
    steps = MIGRATIONS if migrations is None else migrations
    newest = max(steps, default=SCHEMA - 1) + 1
    schema = state.get("versions", {}).get("schema")
    if not isinstance(schema, int) or schema > newest:
        raise VersionRefused(_refusal(state, schema, newest, "Run the newer version to use it"))
    while schema < newest:
        if schema not in steps:
            raise VersionRefused(_refusal(state, schema, newest, "Go back to a younger checkpoint"))
        state = steps[schema](state)
        schema = state["versions"]["schema"] = schema + 1
    return state


def _refusal(state: State, schema: object, newest: int, remedy: str) -> str:
    code = state.get("versions", {}).get("code", "unknown")
    return (
        f"The checkpoint's state has schema {schema} (written by version {code}), and this version reads "
        f"schema {newest}. {remedy}, or continue without it: no photo depends on it."
    )
