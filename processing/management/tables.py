"""Tables for people: colored and fitted on a terminal, plain and whole elsewhere."""

from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 10_000


def printable(text: object) -> str:
    """Make a text safe to show: what is not printable in it (an escape sequence, a line break) is spelled out."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "backslashreplace").decode("ascii")
        for sign in str(text)
    )


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]], stream: IO[str]) -> str:
    """Lay a table out for a stream; numbers go to the right. Gives lines without blanks at their ends."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    body = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(body) and all(isinstance(row[index], int | float | None) for row in body)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text("-" if cell is None else printable(cell)) for cell in row))
    terminal = stream.isatty()
    console = Console(file=stream, width=None if terminal else PLAIN_WIDTH, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
