"""The web process: `python -m config.web BIND PORT PID`, started by `serve` and by nobody else."""

import os
import sys

import waitress

from processing.mortal import die_with_parent

THREADS = 8


def main(host: str, port: int, parent_pid: int) -> None:
    """Serve the pages until SIGTERM."""
    die_with_parent(parent_pid)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.wsgi import application  # noqa: PLC0415 -- loads the apps, which need the line above

    waitress.serve(application, host=host, port=port, threads=THREADS, ident="stockproof")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
