"""Kinds of arguments that several commands take; a wrong one is a usage error."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta

from django.conf import settings


def positive_count(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


UNITS = {"d": "days", "h": "hours", "m": "minutes"}
DURATION_MAX = timedelta(days=3650)


def duration(text: str) -> timedelta:
    """Read a duration such as 30d, 12h or 45m, from a minute to ten years."""
    found = re.fullmatch(r"([0-9]{1,7})([dhm])", text.strip())
    given = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < given <= DURATION_MAX:
        raise ArgumentTypeError(f"{text!r} is no duration: give 30d, 12h or 45m, up to {DURATION_MAX.days}d")
    return given


def plain_text(text: str) -> str:
    """Read a text as the database can keep it: bytes that are not UTF-8 appear as \\xNN."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def add_session(parser: ArgumentParser) -> None:
    """Let one session be named."""
    parser.add_argument("session", metavar="ID", help="Its id, a unique prefix of it, or latest.")


def add_workers(parser: ArgumentParser) -> None:
    """Let the number of worker processes be chosen."""
    parser.add_argument(
        "--workers",
        type=positive_count,
        default=settings.STOCKPROOF_WORKERS,
        metavar="N",
        help="How many worker processes; default: %(default)s.",
    )
