"""Where a list that is read page by page goes on: behind an instant and an id, which hold when that row is gone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# 14 digits of microseconds reach the year 4253.
PATTERN = r"^[0-9a-f]{1,14}-[0-9a-f]{32}$"


class Row(Protocol):
    """A row that a list is ordered by."""

    created_at: datetime
    pk: Any


Cursor = Annotated[
    str,
    Field(
        pattern=PATTERN,
        description="What `next` was on the page before; without it the list begins.",
        examples=["64d1f0a3c5e80-0190a5c4d1e84a0f8a53f1a2b3c4d5e6"],
    ),
]


def cursor_of(instant: datetime, row_id: UUID) -> str:
    """Name the place behind a row."""
    return f"{(instant - EPOCH) // MICROSECOND:x}-{row_id.hex}"


def following(found: Sequence[Row], limit: int) -> str | None:
    """Name the place behind the last row of a page, of which one more was read than is shown; None at the end."""
    return cursor_of(found[limit - 1].created_at, found[limit - 1].pk) if len(found) > limit else None


def place_of(cursor: str) -> tuple[datetime, UUID]:
    """Read a cursor: the instant and the id of the last row that was shown."""
    microseconds, _, row_id = cursor.partition("-")
    return EPOCH + int(microseconds, 16) * MICROSECOND, UUID(row_id)
