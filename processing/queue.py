"""django-q2's place: it wakes lanes, and remembers nothing. The only module that knows it.

A message is a session's id and a lane's number. Workers take messages themselves, one at a time, by deleting
the row: no pusher, no shared pipe and no lock that a killed worker could leave held (django-q2 issue 23).
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import close_old_connections, connections
from django_q.brokers.orm import ORM
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task
from django_q.worker import worker as work_off_tasks

from processing.mortal import die_with_parent
from processing.worker import DATABASE_ERRORS

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)

SHARED_QUEUE = "stockproof"
PRIVATE_PREFIX = "private:"
LANE_TASK = "processing.tasks.run_lane"
STOP = "STOP"
TICK_S = 0.1
POLL_S = 0.2
QUICK_DEATH_S = 2.0
QUICK_DEATHS_MAX = 5
TROUBLE_S_MAX = 10.0
CLUSTER_BROKEN_EXIT = 70


class LaneBroker(ORM):
    """The queue in the database, oldest message first. Taking one deletes it: doubled or lost, it is only a call."""

    def dequeue(self) -> list[tuple[int, str]]:
        """Take the oldest message, or wait one poll and give none."""
        for row in self.get_connection().filter(key=self.list_key).order_by("pk")[:1]:
            if self.get_connection().filter(pk=row.pk).delete()[0]:
                return [(row.pk, row.payload)]
        time.sleep(POLL_S)
        return []


def offer_lane(queue: str, session_id: UUID, lane: int) -> None:
    """Put one call for a lane of a session into a queue."""
    async_task(LANE_TASK, str(session_id), lane, broker=LaneBroker(queue), save=False, ack_failure=True)


def unstarted_lanes(queue: str, session_id: UUID) -> int:
    """Count the calls for a session that nobody has taken yet."""
    return sum(1 for row in OrmQ.objects.filter(key=queue) if _session_of(row.payload) == str(session_id))


def waiting_count() -> int:
    """Count the calls that nobody has taken yet, of all queues."""
    return int(OrmQ.objects.count())


def _session_of(payload: str) -> str | None:
    try:
        args = SignedPackage.loads(payload)["args"]
    except (TypeError, BadSignature, KeyError):
        return None
    return str(args[0]) if args else None


def private_queue(token: str) -> str:
    """Name the queue of a parent that serves a single session."""
    return PRIVATE_PREFIX + token


def drop_queue(queue: str) -> None:
    """Delete the calls of a queue that nobody will listen to any more."""
    OrmQ.objects.filter(key=queue).delete()


def drop_dead_queues(living_tokens: set[str]) -> None:
    """Delete the calls in private queues whose parent no longer lives."""
    keys = (
        OrmQ.objects.filter(key__startswith=PRIVATE_PREFIX)
        .order_by()
        .values_list("key", flat=True)
        .distinct()
    )
    dead = [key for key in keys if key.removeprefix(PRIVATE_PREFIX) not in living_tokens]
    OrmQ.objects.filter(key__in=dead).delete()


class Inbox:
    """Stands where django-q2 has its shared pipe: each worker asks the database itself."""

    def __init__(self, queue: str, wants_to_stop: Callable[[], bool]) -> None:
        self._broker = LaneBroker(queue)
        self._wants_to_stop = wants_to_stop

    def get(self) -> Any:
        """Wait for a call, or for the wish to stop."""
        trouble_s = 0.0
        while not self._wants_to_stop():
            try:
                messages = self._broker.dequeue()
            except DATABASE_ERRORS as error:
                trouble_s = min(trouble_s + 0.5, TROUBLE_S_MAX)
                logger.warning("queue not reachable", extra={"error": str(error), "wait_s": trouble_s})
                close_old_connections()
                time.sleep(trouble_s)
                continue
            for _pk, payload in messages:
                try:
                    return SignedPackage.loads(payload)
                except (TypeError, BadSignature):
                    logger.exception("message with a bad signature dropped")
        return STOP


class Outbox:
    """Stands where django-q2 collects results: ours are rows, so there is nothing to collect."""

    def put(self, task: dict[str, Any]) -> None:
        """Drop a finished call; say so when it ended in an error, which a lane never does."""
        if not task["success"]:
            logger.error("lane ended in an error", extra={"error": str(task["result"])})


class Cluster:
    """A pool of forked workers under one watching loop. It owns no signal but SIGTERM, and drains on it.

    `on_death` gets a dead worker's pid and exit code, and says whether it had begun to work.
    """

    def __init__(
        self, *, size: int, labor: Callable[[], None], on_death: Callable[[int, int | None], bool]
    ) -> None:
        self._size, self._labor, self._on_death = size, labor, on_death
        self._draining = False
        self._quick_deaths = 0
        self._pool: dict[BaseProcess, float] = {}
        self._context = multiprocessing.get_context("fork")

    def run(self) -> int:
        """Keep the pool full until SIGTERM, then wait for the workers to drain. Gives an exit code."""
        signal.signal(signal.SIGTERM, self._drain)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while self._pool or not self._draining:
            self._replace_dead()
            if self._quick_deaths >= QUICK_DEATHS_MAX:
                logger.critical("workers die at once", extra={"deaths": self._quick_deaths})
                return CLUSTER_BROKEN_EXIT
            time.sleep(TICK_S)
        return 0

    def _drain(self, _signum: int, _frame: object) -> None:
        self._draining = True
        for process in self._pool:
            process.terminate()

    def _replace_dead(self) -> None:
        for process in [one for one in self._pool if not one.is_alive()]:
            lived_s = time.monotonic() - self._pool.pop(process)
            if process.exitcode != 0:
                had_begun = self._on_death(process.pid or 0, process.exitcode)
                # Who dies of a photo is the parent's affair; here it is about workers that cannot start.
                is_quick = lived_s < QUICK_DEATH_S and not had_begun
                self._quick_deaths = self._quick_deaths + 1 if is_quick else 0
        while len(self._pool) < self._size and not self._draining:
            self._spawn()

    def _spawn(self) -> None:
        connections.close_all()  # A forked connection would be shared, and its answers mixed.
        process = self._context.Process(target=self._begin, args=(os.getpid(),), daemon=True)
        # SIGTERM must meet either the pool with this process in it, or the child's own handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        process.start()
        self._pool[process] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _begin(self, cluster_pid: int) -> None:
        die_with_parent(cluster_pid)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._labor()


def work_off(queue: str, wants_to_stop: Callable[[], bool]) -> None:
    """Run django-q2's worker loop in this process until the wish to stop."""
    work_off_tasks(Inbox(queue, wants_to_stop), Outbox(), multiprocessing.Value("f", -1), None)
