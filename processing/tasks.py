"""What a worker process does; the worker's only meeting point of processing and recovery."""

import functools
import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection

from config import logs
from processing import queue, runner
from processing.analysis.pipeline import Pipeline
from processing.models import Batch, LeaseLost, ProcessingSession, Worker
from processing.runner import Slice
from processing.sweep import offer_lanes, offered_by
from processing.worker import DATABASE_ERRORS, ENDING_PATIENCE_S, Presence, Watch, insistently, patiently
from recovery import checkpoints, detection

logger = logging.getLogger(__name__)

_presence: Presence | None = None
_queue_name = queue.SHARED_QUEUE
_decoders_count = 1


@functools.cache
def pipeline() -> Pipeline:
    """Make this process's pipeline at its first photo, and say on which device: none is touched before."""
    made = Pipeline(settings.STOCKPROOF_DEVICE)
    if _presence is not None:
        _presence.row.name_device(made.device_name)
    return made


@functools.cache
def decoders() -> ThreadPoolExecutor:
    """Make this process's decoder threads; each keeps its buffer, a fresh one costs 18 ms at 24 MP."""
    return ThreadPoolExecutor(_decoders_count, "decoder")


@functools.cache
def writer() -> ThreadPoolExecutor:
    """Make this process's one writer thread; its database connection lives as long."""
    return ThreadPoolExecutor(1, "writer")


def labor(parent_id: int, queue_name: str, workers: int) -> None:
    """Live as one of some workers until SIGTERM: take calls, run lanes, register anew when buried by mistake."""
    global _queue_name, _presence, _decoders_count
    _queue_name = queue_name
    _decoders_count = max(1, settings.USABLE_CORES_COUNT // workers)
    draining = threading.Event()
    # Before the row exists, so that a polite stop never looks like a death.
    # test: test_polite_stop_is_no_crash_when_it_meets_a_worker_that_starts.
    signal.signal(signal.SIGTERM, partial(_on_stop, draining))
    while not draining.is_set():
        _presence = Presence(draining)
        if not patiently(partial(_come_alive, parent_id, _presence), draining.is_set):
            return
        with _presence.last_words():
            _live(_presence, queue_name)


def _on_stop(draining: threading.Event, signum: int, _frame: object) -> None:
    """Stop at the next photo, and write down that somebody asked for it, should this process not get that far."""
    draining.set()
    if _presence is not None:
        _presence.recorder.note(stop_signal=signum)


def _live(presence: Presence, queue_name: str) -> None:
    """Take calls until a stop is wanted. A database that is away for a moment makes no death of a clean end.

    test: test_run_ends_well_when_the_database_fails_once_at_each_question_of_its_start_and_end.
    """
    queue.work_off(queue_name, lambda: presence.wants_to_stop)
    late_s = time.monotonic() + ENDING_PATIENCE_S
    insistently(presence.end, lambda: time.monotonic() > late_s)


def _come_alive(parent_id: int, presence: Presence) -> bool:
    """Register and begin to beat; False when the parent has ended."""
    parent = Worker.objects.living().filter(pk=parent_id).first()
    if parent is None:
        presence.recorder.close()
        return False
    presence.register(parent=parent, device=settings.STOCKPROOF_DEVICE)
    watch = Watch()
    presence.start_beating(lambda: detection.look(presence.row, watch))
    return True


def run_lane(session_id: str, lane: int) -> None:
    """Work off batches of one session for a time slice; the call that django-q2 makes. Never raises."""
    if _presence is None:
        raise RuntimeError("run_lane is called in a worker process only; start one with `manage.py workers`.")
    seal = partial(checkpoints.take, telemetry=_presence.telemetry)
    work = Slice(_presence, pipeline, decoders(), writer(), seal, checkpoints.sound_alarm)
    with logs.context(session=session_id):
        _run_slice(session_id, lane, work, _presence)


def _run_slice(session_id: str, lane: int, work: Slice, presence: Presence) -> None:
    try:
        if runner.run_slice(UUID(session_id), work):
            _offer_next(UUID(session_id))
    except ProcessingSession.DoesNotExist:
        logger.warning("call for an unknown session dropped", extra={"session": session_id})
    except DATABASE_ERRORS as error:
        logger.warning("lane ended without the database", extra={"session": session_id, "error": str(error)})
        presence.recorder.note_error(error)
        _leave_when_possible(presence)
    except Exception as error:
        logger.exception("lane failed", extra={"session": session_id, "lane": lane})
        presence.recorder.note_error(error)
        _fail_when_possible(presence, error)


def _leave_when_possible(presence: Presence) -> None:
    """Wait for the database, then give back what the lane held: a lease that nobody works on is never offered."""
    connection.close()
    patiently(lambda: Batch.objects.release_held_by(presence.row), lambda: presence.wants_to_stop)
    patiently(lambda: presence.row.enter_lane(None), lambda: presence.wants_to_stop)
    if not presence.wants_to_stop:
        presence.recorder.note_overcome()


def _offer_next(session_id: UUID) -> None:
    """Offer the next slice at once: the parent's sweep would do it a second later."""
    if _presence is None or _presence.wants_to_stop or _presence.row.parent is None:
        return
    # A session may have got a parent of its own meanwhile, which alone offers it.
    # test: test_lane_offers_nothing_when_a_parent_of_its_own_serves_the_session_by_now.
    session = offered_by(_presence.row.parent).filter(pk=session_id).first()
    if session is not None:
        offer_lanes(_presence.row.parent, _queue_name, session)


def _fail_when_possible(presence: Presence, error: Exception) -> None:
    """Wait for the database, which may be gone in the same moment, then stop what the lane worked at.

    test: test_session_fails_once_the_database_answers_again_when_a_lane_met_an_unexpected_error.
    """
    patiently(partial(_fail_held, presence, error), lambda: presence.wants_to_stop)


def _fail_held(presence: Presence, error: Exception) -> None:
    """Stop the sessions whose batches this worker holds: an unexpected error would only come again."""
    for batch in Batch.objects.leased().filter(worker=presence.row).order_by("pk"):
        try:
            batch.fail(f"{type(error).__name__}: {error}", checkpoints.sound_alarm)
        except LeaseLost:
            logger.warning("lease lost, error dropped", extra={"batch": batch.pk})
    presence.recorder.note_overcome()


def on_worker_death(parent_id: int, pid: int, exit_code: int | None) -> bool:
    """Bury a worker of this cluster; only here the exit code is known. Says whether it had begun to work."""
    dead = Worker.objects.living().laborers().filter(parent_id=parent_id, pid=pid).first()
    if dead is not None:
        detection.bury(dead, exit_code)
    connection.close()
    return dead is not None and dead.lane_session_id is not None
