"""Instants compared as they are, whether the database or Django has written them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, F, Func, Q, Value
from django.db.models.lookups import Exact


class AsWritten(Func):
    """An instant in the form in which `Now()` stores it.

    SQLite compares instants as texts: Now() stores 12:00:00.123, which is before the 12:00:00.123000 that Django
    asks for, so a row would come behind itself. test: test_older_than_does_not_give_the_session_itself.
    """

    template = "%(expressions)s"

    def __init__(self, instant: datetime | F) -> None:
        value = Value(instant, output_field=DateTimeField()) if isinstance(instant, datetime) else instant
        super().__init__(value, output_field=DateTimeField())

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write it with milliseconds, as exact as its clock is there."""
        form = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', %(expressions)s)"
        return self.as_sql(compiler, connection, template=form, **context)


def before(column: str, instant: datetime) -> Q:
    """Give the condition of the rows whose instant is earlier."""
    same = Exact(AsWritten(F(column)), AsWritten(instant))
    return Q(**{f"{column}__lte": instant}) & ~Q(same)


def behind(created_at: datetime, row_id: UUID) -> Q:
    """Give the condition of the rows that come, newest first, after a row that may be gone."""
    same = Exact(AsWritten(F("created_at")), AsWritten(created_at))
    return Q(created_at__lte=created_at) & ~Q(same, pk__gte=row_id)
