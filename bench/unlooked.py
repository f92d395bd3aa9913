"""`manage.py` for a session whose source is not looked at: its rows stand for files that do not exist.

Run: python -m bench.unlooked recover latest --yes. How long the look takes, bench.recover measures apart.
"""

import sys

from django.core.management import execute_from_command_line


def look_away() -> None:
    """Let recoveries take the source for unchanged; needs Django set up."""
    from recovery import plans, resume  # noqa: PLC0415 -- needs Django set up
    from recovery.changes import SourceLook  # noqa: PLC0415 -- needs Django set up

    for module in (plans, resume):
        module.look_at_source = lambda _session: SourceLook()  # type: ignore[attr-defined] # the one seam


if __name__ == "__main__":
    import django

    django.setup()
    look_away()
    execute_from_command_line(sys.argv)
