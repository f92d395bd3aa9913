"""CSV that a spreadsheet shows and does not execute."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO

from processing.management.tables import printable

# A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection).
# Tabs and line ends, which also count, are spelled out.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_lines(columns: Sequence[str], published: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Give the header and one record per published object; lists and objects are JSON in their cell."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for one in published:
        yield _drain(buffer)
        writer.writerow([_cell(one[column]) for column in columns])
    yield _drain(buffer)


def _drain(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(FORMULA_STARTS) else shown
