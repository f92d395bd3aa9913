#!/usr/bin/env python
"""Stockproof's command line."""

import json
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.privacy import keep_private


def main() -> None:
    """Run the command that the arguments name; a setting with a wrong value ends it with a sentence."""
    keep_private()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        refuse(str(error))


def refuse(message: str) -> None:
    """End the process as commands do (interface §3), before any command could be loaded."""
    if "--json" in sys.argv:
        published = {
            "type": "error",
            "code": "configuration",
            "message": message,
            "hint": "",
            "session": None,
        }
        sys.stdout.write(json.dumps(published) + "\n")
    else:
        sys.stderr.write(f"Error: {message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
