"""Two transactions at once, in an order that a test can rely on."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, transaction

DEADLINE_S = 20
Outcome = TypeVar("Outcome")


def overlap(first: Callable[[], object], second: Callable[[], Outcome]) -> Outcome:
    """Run `second` on a connection of its own while the transaction of `first` is open; give its outcome.

    The transaction of `first` ends once `second` waits for it (PostgreSQL shows that) or is over. SQLite
    lets one transaction begin at a time and shows nobody waiting, so there `second` has merely begun.
    """
    begun = threading.Event()

    def run_second() -> Outcome:
        try:
            connection.ensure_connection()
            begun.set()
            return second()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            first()
            future = threads.submit(run_second)
            if not begun.wait(DEADLINE_S):
                raise TimeoutError("The second transaction did not begin.")
            _wait_until_blocked(future)
        return future.result(DEADLINE_S)


def _wait_until_blocked(future: "Future[Outcome]") -> None:
    """Wait until someone waits for this connection, or until the other one is over."""
    deadline = time.monotonic() + DEADLINE_S
    while connection.vendor == "postgresql" and not future.done():
        if time.monotonic() > deadline:
            raise TimeoutError("The second transaction neither ended nor waited.")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
            )
            if cursor.fetchone() == (True,):
                return
