"""`python -m tests.crash.points.forker`: forks one process for each task that it reads, and says how it ended.

A start of Python with Django and torch takes seconds; a fork of a process that has them takes milliseconds, and is
as real a process: it opens its own connection, and is killed by SIGKILL like any other.
"""

import gc
import json
import os
import sys
from typing import Any

import django

from processing.mortal import die_with_parent


def main() -> None:
    """Serve tasks until there are no more."""
    django.setup()
    from tests.crash.points import child  # noqa: PLC0415 -- models need django.setup

    child.warm_up()
    gc.freeze()  # Children share what is there now.
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line), child.act)) + "\n")
        sys.stdout.flush()


def _run(task: dict[str, Any], act: Any) -> dict[str, Any]:
    """Fork, wait, and give the exit code (negative: a signal) with what the child said."""
    own_pid = os.getpid()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        die_with_parent(own_pid)
        os._exit(act(task, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _pid, status = os.waitpid(pid, 0)
    return {"exit_code": os.waitstatus_to_exitcode(status), "said": json.loads(said or b"{}")}


if __name__ == "__main__":
    main()
