"""Processes for commands to find: rows of this host, with recorders that are held or not."""

import socket
from typing import Any
from uuid import uuid4

from processing import recorder
from processing.models import Worker
from processing.worker import boot_id
from tests.factories import make_worker


def make_dead(**columns: Any) -> Worker:
    """Make a process of this host that has died: its recorder lies there, and nobody holds its lock."""
    token = uuid4().hex
    recorder.folder().mkdir(parents=True, exist_ok=True)
    recorder.path_of(token).write_bytes(b"{}")
    defaults = {"host": socket.gethostname(), "boot_id": boot_id()}
    return make_worker(token=token, **(defaults | columns))
