"""Where a list that is read page by page goes on: behind an instant and an id, which hold when that row is gone."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from django.db.models import Q
from pydantic import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# 14 digits of microseconds reach the year 4253.
PATTERN = r"^[0-9a-f]{1,14}-[0-9a-f]{32}$"
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


def behind(cursor: str | None) -> Q:
    """Give the condition of the rows that follow, newest first by `created_at` and id; of all without a cursor."""
    if cursor is None:
        return Q()
    microseconds, _, row_id = cursor.partition("-")
    instant = EPOCH + int(microseconds, 16) * MICROSECOND
    return Q(created_at__lt=instant) | Q(created_at=instant, pk__lt=UUID(row_id))
