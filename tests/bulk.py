"""Many rows at once, written by the database itself, and what its planner thinks of a query."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < %s)"
USED = {
    "sqlite": re.compile(r"(?:SEARCH|SCAN) (\w+)(?: AS \w+)? USING (?:COVERING )?INDEX (\w+)"),
    "postgresql": re.compile(
        r"Index (?:Only )?Scan (?:Backward )?using (\w+) on (\w+)|Bitmap Index Scan on (\w+)"
    ),
}
SCANNED = {
    # A table's name has its app's before an underscore; what a query names itself has none.
    "sqlite": re.compile(r"SCAN (\w+_\w+)(?! USING)(?:\n|$)"),
    "postgresql": re.compile(r"Seq Scan on (\w+)"),
}


def random_id() -> str:
    """Give SQL for a random id."""
    return "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"


def instant_before_now() -> str:
    """Give SQL for the instant that lies n seconds before now."""
    if connection.vendor == "postgresql":
        return "now() - n * interval '1 second'"
    return "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || n || ' seconds')"


def multiply(pattern: Model, *, count: int, **formulas: str) -> None:
    """Insert `count` rows like one that is not stored; formulas give columns as SQL of n, counted from 0."""
    columns, values, constants = [], [], []
    for field in pattern._meta.local_concrete_fields:
        if field.name in formulas:
            values.append(formulas[field.name].replace("%", "%%"))
        elif field.has_db_default() or field.db_returning:
            continue
        else:
            values.append("%s")
            constants.append(field.get_db_prep_save(getattr(pattern, field.attname), connection))
        columns.append(field.column)
    with connection.cursor() as cursor:
        insert = f"INSERT INTO {pattern._meta.db_table} ({', '.join(columns)})"
        cursor.execute(f"{insert} {NUMBERS} SELECT {', '.join(values)} FROM numbers", [count, *constants])  # noqa: S608 -- a test's own SQL


def analyze() -> None:
    """Let the planner learn what is stored."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def indexes_of(act: Callable[[], object]) -> set[str]:
    """Run an act and name the indexes that its queries use; a table read from end to end is `all of TABLE`."""
    plans: list[str] = []
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.execute_wrapper(explainer(plans, explain)):
        act()
    return _read("\n".join(plans))


def indexes_of_stream(rows: "QuerySet[Any]") -> set[str]:
    """Name the indexes that rows are streamed by: PostgreSQL plans a cursor for its first rows."""
    sql, params = rows.query.sql_with_params()
    explain = (
        f"EXPLAIN DECLARE streamed NO SCROLL CURSOR FOR {sql}"
        if connection.vendor == "postgresql"
        else f"EXPLAIN QUERY PLAN {sql}"
    )
    with connection.cursor() as cursor:
        cursor.execute(explain, params)
        return _read("\n".join(str(row[-1]) for row in cursor.fetchall()))


def explainer(plans: list[str], explain: str) -> Callable[..., Any]:
    """Give a wrapper of queries that collects their plans, which this beginning of a statement asks for."""

    def execute_after_explaining(
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 -- as Django calls it
        context: dict[str, Any],
    ) -> Any:
        if sql.lstrip("(\n").startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            execute(explain + sql, params, many, context)
            plans.extend(str(row[-1]) for row in context["cursor"].fetchall())
        return execute(sql, params, many, context)

    return execute_after_explaining


def _read(plan: str) -> set[str]:
    used = {_index_of(match) for match in USED[connection.vendor].findall(plan)}
    return used | {f"all of {table}" for table in SCANNED[connection.vendor].findall(plan)}


def _index_of(match: tuple[str, ...]) -> str:
    """Take the index's name out of a match; a primary key has one name on both databases."""
    name = match[1] if connection.vendor == "sqlite" else match[0] or match[2]
    return "primary key" if name.endswith("_pkey") or name.startswith("sqlite_autoindex") else name
