"""Tables for people: colored and fitted on a terminal, plain and whole elsewhere."""

from collections.abc import Iterable, Sequence

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


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]], *, is_terminal: bool) -> str:
    """Lay a table out: numbers to the right, no blanks at a line's end; on a terminal in its width and colors."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    body = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(body) and all(isinstance(row[index], int | float | None) for row in body)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text("-" if cell is None else printable(cell)) for cell in row))
    width = None if is_terminal else PLAIN_WIDTH
    console = Console(width=width, force_terminal=is_terminal, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
