"""How many bytes does the database need for a photo, and how many of them are keyed hashes?

Run: python -m bench.size [--rows 100000] [--vendor sqlite]. Signs that many results in throwaway databases, as
bench.ledger makes them: short names, eight measures, one reason. Indexes, manifests and batches count, the write-ahead
logs do not. Then every keyed hash of rows and batches is emptied and the files are written anew, without and with.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db import connection, connections

from bench.commit import VENDORS, make_urls, set_up

REWRITE = {"sqlite": "VACUUM", "postgresql": "VACUUM FULL"}
WHOLE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}
PARTS = {
    "sqlite": "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT %s",
    "postgresql": (
        "SELECT relname, pg_relation_size(oid) + coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) "
        "FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT %s"
    ),
}
PARTS_MAX = 10


def main() -> None:
    """Measure on each database."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--vendor", choices=VENDORS, nargs="+", default=VENDORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stockproof-bench-") as place, ExitStack() as stack:
        set_up(Path(place))
        for vendor in arguments.vendor:
            ((_count, url),) = make_urls(vendor, [arguments.rows], Path(place), stack)
            measure(vendor, url, arguments.rows)
        connections.close_all()


def measure(vendor: str, url: str, rows_count: int) -> None:
    """Fill a database, and print what it needs with and without keyed hashes."""
    from django.core.management import call_command  # noqa: PLC0415 -- needs Django set up

    from bench.signed import fill_signed  # noqa: PLC0415 -- needs Django set up
    from processing.models import Batch, ImageResult  # noqa: PLC0415 -- needs Django set up
    from tests.databases import point_django_at  # noqa: PLC0415 -- needs Django set up

    point_django_at(url)
    call_command("migrate", verbosity=0)
    empty_bytes = rewritten_bytes(vendor)
    fill_signed(url, rows_count)
    written = (size_bytes(vendor) - empty_bytes) / rows_count
    sealed = (rewritten_bytes(vendor) - empty_bytes) / rows_count
    parts = {name: size / rows_count for name, size in asked(PARTS[vendor], PARTS_MAX)}
    ImageResult.objects.update(mac=b"")
    Batch.objects.update(digest=b"")
    bare = (rewritten_bytes(vendor) - empty_bytes) / rows_count
    print(
        f"{vendor:10} {written:.0f} bytes a photo as written, {sealed:.0f} rewritten; {bare:.0f} without keyed hashes: "
        f"they are {sealed - bare:.0f} bytes, {(sealed - bare) / sealed:.1%}"
    )
    for name, size in parts.items():
        print(f"{vendor:10} {size:6.0f} {name}")


def rewritten_bytes(vendor: str) -> int:
    """Let the database write its files anew, and give their size."""
    with connection.cursor() as cursor:
        cursor.execute(REWRITE[vendor])
    return size_bytes(vendor)


def size_bytes(vendor: str) -> int:
    """Give the size of the database now."""
    with connection.cursor() as cursor:
        cursor.execute(WHOLE[vendor])
        return int(cursor.fetchone()[0])


def asked(sql: str, *parameters: int) -> list[tuple[Any, ...]]:
    """Give what a query answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


if __name__ == "__main__":
    main()
