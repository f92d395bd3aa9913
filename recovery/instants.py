"""Pages of rows by the instant of each, the newest first."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db.models import DateTimeField, Model, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from processing.instants import before

Row = TypeVar("Row", bound=Model)
EVER = Value(datetime(1, 1, 2, tzinfo=UTC), output_field=DateTimeField())
# One process writes some rows in a millisecond, which is as fine as SQLite's clock; never so many.
TIES_MAX = 500


def whole_instants(rows: "QuerySet[Row]", column: str, limit: int) -> "QuerySet[Row]":
    """Give the newest rows down to the instant of the last one asked for, and all others of that instant.

    The next page goes on before an instant, so a page that ended within one would lose the rest of it.
    test: test_crashes_of_one_instant_are_not_parted_by_pages.
    """
    ordered = rows.order_by(f"-{column}", "-pk")
    edge = Coalesce(Subquery(ordered.values(column)[limit - 1 : limit]), EVER)
    return ordered.filter(**{f"{column}__gte": edge})[: limit + TIES_MAX]


def page_by(rows: "QuerySet[Row]", column: str, limit: int) -> tuple[list[Row], datetime | None]:
    """Give a page of rows, and the instant before which the next page goes on; None: no more."""
    read = list(whole_instants(rows, column, limit + 1))
    if len(read) <= limit:
        return read, None
    last = _at(read[limit - 1], column)
    shown = [row for row in read if _at(row, column) >= last]
    goes_on = len(read) > len(shown) or rows.filter(before(column, last)).exists()
    return shown, last if goes_on else None


def _at(row: Any, column: str) -> datetime:
    at: datetime = getattr(row, column)
    return at
