"""What an error is, as plain facts that can be judged after the process has ended."""

from collections.abc import Iterator
from typing import Any

CHAIN_MAX = 5
TYPES_MAX = 12
# Every error is one of these, so they tell nothing.
TELLING_NOTHING = (object, BaseException, Exception)


def facts_of(error: BaseException) -> dict[str, Any]:
    """Give an error's classes, error number and database code, those of its causes too.

    types: qualified names, its own class first; errno: as in errno(3), or None; code: SQLSTATE of PostgreSQL or the
    name of SQLite's result code, or an empty text.
    """
    chain = list(_chain(error))
    names = [name_of(kind) for one in chain for kind in type(one).__mro__ if kind not in TELLING_NOTHING]
    numbers = [one.errno for one in chain if isinstance(one, OSError) and one.errno is not None]
    codes = [code for one in chain if (code := _code(one))]
    return {
        "types": list(dict.fromkeys(names))[:TYPES_MAX],
        "errno": numbers[0] if numbers else None,
        "code": codes[0] if codes else "",
    }


def name_of(kind: type) -> str:
    """Name a class with its module, a built-in one without."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _code(error: BaseException) -> str:
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return str(code) if code else ""
