"""Looking: who is dead is buried first, then anything else is read or begun."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery

from processing import burial, recorder
from processing.burial import Burial
from processing.models import ProcessingSession, Worker
from processing.progress import iso
from processing.recorder import Flight
from processing.states import Hold, Stage, Status
from processing.worker import DEATH_GRACE_S, SILENT_BEATS, Watch
from recovery import checkpoints
from recovery.classification import classify
from recovery.evidence import THIS_MACHINE, Machine, read_evidence
from recovery.models import Crash

LOOK_AGAIN_S = 0.25
RECOVERABLE = (Status.INTERRUPTED, Status.FAILED, Status.PAUSED)

_watch = Watch()


def look(own: Worker | None = None, watch: Watch = _watch) -> None:
    """Bury every dead process that can be proven dead, each with its Crash."""
    for worker in watch.find_dead(own):
        bury(worker)
    recorder.remove_strays(Worker.objects.all().living_tokens)


def look_closely(silence_s: float | None = None) -> None:
    """Look until nobody is left who may be dead: a far process is watched over three beats, a worker has its grace.

    `silence_s` is as in `Watch`. Takes no time where nobody is suspected.
    """
    watch = Watch(silence_s)
    deadline = time.monotonic() + SILENT_BEATS * settings.HEARTBEAT_S + DEATH_GRACE_S + 2 * LOOK_AGAIN_S
    look(watch=watch)
    while watch.has_suspects() and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
        look(watch=watch)


def detect_crashes_on_startup(silence_s: float | None = None) -> QuerySet[Crash]:
    """Look closely, then give every crash that nobody has dealt with."""
    look_closely(silence_s)
    return open_crashes()


def open_crashes() -> QuerySet[Crash]:
    """List the crashes that nobody has dealt with, the newest first; a session that is finished needs nobody."""
    finished = Q(session__stage=Stage.COMPLETED) | Q(session__hold=Hold.CANCELLED)
    crashes = Crash.objects.filter(closed_at=None).exclude(finished)
    return crashes.select_related("session").order_by("-detected_at", "-pk")


def bury(worker: Worker, exit_code: int | None = None) -> bool:
    """Bury one dead process with a Crash as its evidence, in one transaction."""
    return burial.bury(
        worker,
        on_crash=record_crash,
        seal=checkpoints.take,
        alarm=checkpoints.sound_alarm,
        exit_code=exit_code,
    )


def record_crash(burial: Burial, machine: Machine = THIS_MACHINE) -> None:
    """Judge a death and write it down: a row for each session that it touched, or one of the process alone.

    The machine is asked inside the burial's transaction, since its recorder goes with it: some small files, 1 ms.
    """
    evidence = read_evidence(burial, machine)
    verdict = classify(evidence)
    sessions: Sequence[UUID | None] = sorted({*burial.interrupted, *burial.touched})
    for session_id in sessions or [burial.worker.serves_id]:
        flight = Flight() if session_id is None else burial.flights.get(session_id, Flight())
        Crash.objects.create(
            session_id=session_id,
            worker=burial.worker,
            crash_type=verdict.crash_type,
            probabilities=verdict.probabilities,
            evidence=list(verdict.evidence),
            facts=evidence.as_facts() | {"batch": flight.batch},
            photo=flight.photo,
            discarded_count=0 if session_id is None else burial.discarded.get(session_id, 0),
            interrupts=session_id in burial.interrupted,
        )


def crash_of(crash: Crash) -> dict[str, Any]:
    """Give the published crash."""
    return {
        "crash": str(crash.pk),
        "session": str(crash.session_id) if crash.session_id else None,
        "crash_type": crash.crash_type,
        "confidence": max(crash.probabilities.values(), default=0.0),
        "probabilities": crash.probabilities,
        "evidence": crash.evidence,
        "photo": crash.photo or None,
        "detected_at": iso(crash.detected_at),
        "can_recover": _can_recover(crash),
    }


def _can_recover(crash: Crash) -> bool:
    """Say whether `recover` would mend what this crash has done; one that is closed has been mended.

    A session that runs on was taken over, and needs nobody.
    """
    return crash.closed_at is None and crash.session is not None and crash.session.status in RECOVERABLE


def last_crash_of(session: ProcessingSession) -> Crash | None:
    """Give the newest crash of a session."""
    return last_crashes_of([session]).get(session.pk)


def last_crashes_of(sessions: Sequence[ProcessingSession]) -> dict[UUID, Crash]:
    """Give, by session, the newest crash; one query however many the sessions are."""
    newest = (
        Crash.objects.filter(session=OuterRef("session")).order_by("-detected_at", "-pk").values("pk")[:1]
    )
    crashes = Crash.objects.filter(session__in=sessions, pk=Subquery(newest)).select_related("session")
    return {crash.session_id: crash for crash in crashes.order_by("pk") if crash.session_id is not None}
