"""Burying: the only way a dead process's work comes back."""

import logging
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from processing import recorder
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.models.batch import Photo
from processing.models.commit import Seal
from processing.models.session import Alarm
from processing.recorder import Flight
from processing.sources import path_text
from processing.states import BatchKind, BatchStatus, Verdict
from processing.vitals import Vitals, read_vitals
from processing.worker import boot_id

logger = logging.getLogger(__name__)

# A signal that a photo can cause by the bytes it makes a decoder read (guarantee 9).
PHOTO_SIGNALS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}
BLAMED_DEATHS_MAX = 2
UNEXPLAINED_KILLS_MAX = 3
STUCK_DEATHS_MAX = 3


@dataclass(frozen=True, slots=True)
class Burial:
    """What was found at a death; the evidence of a Crash.

    flights: what was in the air by session, be it a parent's worker's; own: the last words of the process itself;
    dump: what Python wrote when a signal ended it; workers_count: how many died with it.
    """

    worker: Worker
    exit_code: int | None
    flights: Mapping[UUID, Flight]
    own: Flight
    dump: str
    workers_count: int
    interrupted: tuple[UUID, ...]
    touched: tuple[UUID, ...]
    discarded: Mapping[UUID, int]
    with_parent: bool


OnCrash = Callable[[Burial], None]


def bury(
    worker: Worker,
    *,
    on_crash: OnCrash,
    seal: Seal,
    alarm: Alarm | None = None,
    exit_code: int | None = None,
) -> bool:
    """Bury a dead process with its workers, requeue its work, latch what nobody serves any more.

    One transaction. `exit_code` is as in subprocess (negative: a signal), None when nobody saw it.
    Returns False when someone else was first. test: test_two_readers_bury_one_worker_once.
    """
    with transaction.atomic():
        sessions = _lock_served(worker)
        worker.refresh_from_db()
        workers = list(Worker.objects.living().filter(parent=worker).order_by("pk"))
        if not Worker.objects.living().filter(pk=worker.pk).update(ended_at=Now()):
            return False
        Worker.objects.living().filter(parent=worker).update(ended_at=Now())
        found = _take_stock([worker, *workers], exit_code, seal, alarm)
        latched = tuple(s.pk for s in sessions if worker.is_parent and _latch_if_nobodys(s))
        found = replace(found, interrupted=latched)
        on_crash(found)
        for one in (worker, *workers):
            transaction.on_commit(partial(recorder.remove, one.token))
    logger.warning("process buried", extra=_as_log(found))
    return True


def _take_stock(dead: list[Worker], exit_code: int | None, seal: Seal, alarm: Alarm | None) -> Burial:
    """Requeue what the dead held; the first is the one that is buried, the others are its workers."""
    worker = dead[0]
    flights = [recorder.read_flight(one.token) for one in dead]
    discarded: Counter[UUID] = Counter()
    for one, flight in zip(dead, flights, strict=True):
        discarded += _requeue(one, flight, exit_code, seal, alarm, with_parent=worker.is_parent)
    return Burial(
        worker=worker,
        exit_code=exit_code,
        flights=_by_session(dead, flights),
        own=flights[0],
        dump=recorder.read_dump(worker.token),
        workers_count=len(dead) - 1,
        interrupted=(),
        touched=tuple(sorted({one.lane_session_id for one in dead if one.lane_session_id is not None})),
        discarded=discarded,
        with_parent=worker.is_parent,
    )


def _as_log(burial: Burial) -> dict[str, object]:
    return {
        "worker": burial.worker.token,
        "pid": burial.worker.pid,
        "exit_code": burial.exit_code,
        "interrupted": len(burial.interrupted),
    }


def _lock_served(worker: Worker) -> list[ProcessingSession]:
    """Lock every unfinished session that the dead one served, in the order of their keys (design §3)."""
    serves = (worker.parent or worker).serves_id
    unfinished = ProcessingSession.objects.unfinished().select_for_update(no_key=True)
    return list((unfinished.filter(pk=serves) if serves else unfinished).order_by("pk"))


def _latch_if_nobodys(session: ProcessingSession) -> bool:
    """Latch a begun session without a hold that no living parent serves any more."""
    workable = ProcessingSession.objects.workable().begun().filter(pk=session.pk).exists()
    if not workable or Worker.objects.living().parents().serving(session.pk).exists():
        return False
    session.latch()
    return True


def _requeue(
    worker: Worker,
    flight: Flight,
    exit_code: int | None,
    seal: Seal,
    alarm: Alarm | None,
    *,
    with_parent: bool,
) -> Counter[UUID]:
    """Queue the dead worker's batches again under new fencing numbers; count the verdicts that are discarded."""
    discarded: Counter[UUID] = Counter()
    # Locked first: a zombie may give its lease back, or commit, at this moment.
    held = Batch.objects.leased().filter(worker=worker).select_for_update(no_key=True)
    for batch in held.order_by("pk"):
        if flight.batch == batch.pk and flight.lease == batch.lease:
            missing = {photo.position for photo in batch.missing()}
            discarded[batch.session_id] += len(missing.intersection(flight.uncommitted))
        if not with_parent:
            _count_death(batch, Death(worker, flight, exit_code), seal, alarm)
        batch.refresh_from_db()
        if batch.status == BatchStatus.LEASED:
            batch.take_away()
    return discarded


@dataclass(frozen=True, slots=True)
class Death:
    """A worker's death under a living parent, as far as a photo may have caused it; exit_code as in `bury`."""

    worker: Worker
    flight: Flight
    exit_code: int | None

    @property
    def cause(self) -> str:
        """What a photo can have done, in a sentence; empty: it was killed, and nothing explains it (guarantee 9)."""
        if self.exit_code is not None and (self.exit_code > 0 or -self.exit_code in PHOTO_SIGNALS):
            return f"The worker ended with {self.exit_code}"
        return "The kernel killed the worker for want of memory" if self._was_out_of_memory() else ""

    def _was_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of its own memory group since its last beat.

        A kill of the whole machine's count alone may have been of anyone.
        test: test_kill_stays_unexplained_when_the_kernel_killed_elsewhere.
        """
        if self.exit_code not in (None, -signal.SIGKILL) or self.worker.boot_id != boot_id():
            return False
        then = Vitals.from_facts(self.flight.vitals)
        return bool(read_vitals(then.own_oom_path).own_oom_kills_since(then))


def _count_death(batch: Batch, death: Death, seal: Seal, alarm: Alarm | None) -> None:
    """Note the photos in flight; set a poisonous one aside; stop a scan or a comparison that only kills.

    A cancelled session's row is not locked here, and nothing is to be decided for it any more.
    """
    if not ProcessingSession.objects.unfinished().filter(pk=batch.session_id).exists():
        return
    batch.note_death()
    if batch.kind != BatchKind.PHOTOS:
        if batch.deaths >= STUCK_DEATHS_MAX:
            session = ProcessingSession.objects.get(pk=batch.session_id)
            if session.status.value in ("scanning", "comparing"):
                error = f"The {batch.kind} stage cost {batch.deaths} workers without progress."
                session.fail(error, alarm)
        return
    flight = death.flight
    if flight.batch != batch.pk or flight.lease != batch.lease:
        return
    cause = death.cause
    guilty = [
        p for p in flight.positions if _is_poison(batch, p, is_alone=flight.alone, by_photo=bool(cause))
    ]
    batch.note_suspects()
    missing = {photo.position: photo for photo in batch.missing()}
    rows = [quarantine_row(batch, missing[p], cause) for p in guilty if p in missing]
    if rows:
        batch.commit(rows, seal)


def _is_poison(batch: Batch, position: int, *, is_alone: bool, by_photo: bool) -> bool:
    """Count one more death with this photo in flight, and say whether it is enough (guarantee 9)."""
    entry = batch.suspects.setdefault(str(position), {"deaths": 0, "blamed": 0, "kills_alone": 0})
    entry["deaths"] += 1
    entry["blamed"] += int(by_photo)
    entry["kills_alone"] += int(is_alone and not by_photo)
    blamed_enough = by_photo and entry["blamed"] >= BLAMED_DEATHS_MAX
    killed_enough = entry["kills_alone"] >= UNEXPLAINED_KILLS_MAX
    return is_alone and bool(blamed_enough or killed_enough)


def quarantine_row(batch: Batch, photo: Photo, cause: str) -> ImageResult:
    """Make the row of a photo that costs the worker its life each time it is analyzed."""
    cause = cause or "The worker was killed"
    return ImageResult(
        session_id=batch.session_id,
        batch=batch,
        position=photo.position,
        path=photo.path,
        path_text=path_text(photo.path),
        size_bytes=photo.size_bytes,
        mtime_ns=photo.mtime_ns,
        verdict=Verdict.QUARANTINED,
        decision=Verdict.QUARANTINED,
        reasons=[{"code": "quarantined", "measured": None, "limit": None}],
        note=f"{cause} each time this photo was analyzed, the last time alone.",
        lease=batch.lease,
        attempt=batch.attempt,
    )


def _by_session(dead: list[Worker], flights: list[Flight]) -> dict[UUID, Flight]:
    """Give a flight with a photo by session: nobody is told that another's photo was in the air.

    test: test_crash_names_no_photo_of_another_session.
    """
    found: dict[UUID, Flight] = {}
    for one, flight in zip(dead, flights, strict=True):
        if flight.photo and one.lane_session_id is not None:
            found.setdefault(one.lane_session_id, flight)
    return found
