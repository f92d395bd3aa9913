"""How sure we are that a way back is right: separate pieces of evidence, each of which can spoil it alone.

This is the confidence in the recovery; how sure we are of the cause stands in the Crash.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.states import BatchKind
from processing.worker import is_here
from recovery import integrity
from recovery.chain import missing_checkpoints
from recovery.changes import SourceLook
from recovery.models import Checkpoint, Crash, RecoveryAttempt
from recovery.seal import problem_of

SAFE_MIN = 0.9
# By the number of recoveries since the newest verdict: one may have met a passing cause.
FRUITLESS_SCORES = (1.0, 0.8, 0.5, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of evidence: its score from 0 to 1, and what a score of 0 takes away from the whole."""

    name: str
    score: float
    weight: float
    text: str


def confidence_of(parts: Sequence[Part]) -> float:
    """Multiply what each part leaves: any one of them can bring the whole below SAFE_MIN."""
    return round(math.prod(1 - part.weight * (1 - part.score) for part in parts), 4)


def stored_parts_of(session: ProcessingSession, look: SourceLook | None) -> tuple[Part, ...]:
    """Weigh the evidence that only those ways back rest on which keep verdicts."""
    return (_seal(session), _chain(session), _rows(session), _age(session), _source(look))


def fresh_parts_of(session: ProcessingSession) -> tuple[Part, ...]:
    """Weigh the evidence that every way back rests on, a fresh start too: nothing that was stored counts for it."""
    return (_holder(session), _attempts(session))


def _seal(session: ProcessingSession) -> Part:
    newest = Checkpoint.objects.newest_first(session).first()
    if newest is None:
        return Part("seal", 1.0, 0.5, "There is no checkpoint yet; the verdicts themselves are the truth.")
    problem = problem_of(newest)
    text = (
        f"The newest checkpoint is damaged: {problem}"
        if problem
        else "The newest checkpoint's seal is intact."
    )
    return Part("seal", 0.0 if problem else 1.0, 0.5, text)


def _chain(session: ProcessingSession) -> Part:
    missing = missing_checkpoints(session)
    text = f"Checkpoints are missing: {'; '.join(missing[:3])}" if missing else "No checkpoint is missing."
    return Part("chain", 0.0 if missing else 1.0, 0.5, text)


def _rows(session: ProcessingSession) -> Part:
    findings = list(integrity.check_sums(session))
    for batch in Batch.objects.with_open_results(session.pk).filter(kind=BatchKind.PHOTOS).order_by("pk"):
        findings += integrity.check_batch(batch)
    text = findings[0].text if findings else "Digests and counters equal the verdicts."
    return Part("rows", 0.0 if findings else 1.0, 0.8, text)


def _age(session: ProcessingSession) -> Part:
    """The newest intact checkpoint should cover the newest verdict: both are written in one transaction."""
    newest = newest_live(session)
    intact = Checkpoint.objects.latest_intact(session)
    covered = 0 if intact is None or intact.last_result is None else intact.last_result
    if newest is None or covered >= newest:
        return Part("age", 1.0, 0.3, "The newest intact checkpoint covers the newest verdict.")
    return Part("age", 0.0, 0.3, "Verdicts are newer than the newest intact checkpoint.")


def _source(look: SourceLook | None) -> Part:
    if look is None:
        return Part("source", 0.0, 1.0, "The source cannot be read.")
    if look.is_unchanged:
        return Part("source", 1.0, 0.5, "Every judged photo is as it was.")
    text = f"{look.changed_count} judged photos have changed and {look.gone_count} are gone."
    return Part("source", 0.5, 0.5, text)


def _holder(session: ProcessingSession) -> Part:
    """Whoever held the work must be gone: a free lock proves it on this host, silence only makes it likely."""
    if Worker.objects.living().filter(lane_session=session).exists():
        return Part("holder", 0.0, 0.5, "A worker is still in the middle of it.")
    crash = Crash.objects.filter(session=session, closed_at=None).select_related("worker").last()
    if crash is None or is_here(crash.worker):
        return Part("holder", 1.0, 0.5, "Whoever held the work is gone.")
    return Part("holder", 0.5, 0.5, f"{crash.worker.host} is silent, which does not prove that it is down.")


def _attempts(session: ProcessingSession) -> Part:
    """Recoveries without a verdict since make another one less likely to succeed."""
    count = fruitless_count(session)
    text = (
        f"{count} recoveries since the newest verdict led nowhere."
        if count
        else "No recovery has failed before."
    )
    return Part("attempts", FRUITLESS_SCORES[min(count, len(FRUITLESS_SCORES) - 1)], 0.4, text)


def fruitless_count(session: ProcessingSession) -> int:
    """Count the recoveries after the newest verdict."""
    attempts = RecoveryAttempt.objects.filter(session=session, undone_at=None)
    return attempts.filter(last_result=newest_live(session)).count()


def newest_live(session: ProcessingSession) -> int | None:
    """Give the key of the newest live verdict; None when there is none."""
    pk, _ = ImageResult.objects.live().filter(session=session).find_newest() or (None, None)
    return pk
