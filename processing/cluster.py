"""The cluster process: `python -m processing.cluster TOKEN QUEUE SIZE PID`, started by a parent and by nobody else."""

import logging
import os
import sys
from functools import partial

import django

from processing.mortal import ORPHANED_EXIT, die_with_parent

logger = logging.getLogger(__name__)


def main(token: str, queue_name: str, size: int, parent_pid: int) -> int:
    """Keep `size` workers for the parent with this token; give an exit code."""
    die_with_parent(parent_pid)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from processing import queue, tasks  # noqa: PLC0415 -- models need django.setup; torch is imported once, here
    from processing.models import Worker  # noqa: PLC0415 -- the same
    from processing.worker import DATABASE_ERRORS, patiently  # noqa: PLC0415 -- the same

    parent = patiently(Worker.objects.filter(token=token).first)
    if parent is None:
        return ORPHANED_EXIT
    parent_id = parent.pk

    def on_death(pid: int, exit_code: int | None) -> bool:
        try:
            return tasks.on_worker_death(parent_id, pid, exit_code)
        except DATABASE_ERRORS as error:
            logger.warning("death not recorded yet, the others will", extra={"pid": pid, "error": str(error)})
            return False

    return queue.Cluster(
        size=size, labor=partial(tasks.labor, parent_id, queue_name, size), on_death=on_death
    ).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
