"""Instants that were written by the database, compared as it has written them."""

from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, Func, Value


class AsWritten(Func):
    """An instant in the form in which `Now()` stores it.

    SQLite compares instants as texts: Now() stores 12:00:00.123, which is before the 12:00:00.123000 that Django
    asks for, so a row would come behind itself. test: test_older_than_does_not_give_the_session_itself.
    """

    template = "%(expressions)s"

    def __init__(self, instant: datetime) -> None:
        super().__init__(Value(instant, output_field=DateTimeField()), output_field=DateTimeField())

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write it with milliseconds."""
        form = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f', %(expressions)s)"
        return self.as_sql(compiler, connection, template=form, **context)
