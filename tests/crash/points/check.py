"""The full check of a place after a death, made in a child: whatever is wrong is a sentence."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from processing import recorder
from processing.models import Batch, ImageResult, Override, ProcessingSession, Worker
from processing.models.batch import COUNTERS
from processing.published import images_of
from processing.states import Status
from recovery import integrity
from recovery.audit_verification import Reading
from recovery.findings import Code
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt


def text_of(session: ProcessingSession) -> str:
    """Give what `results --format jsonl` prints of the images."""
    return "".join(json.dumps(image, ensure_ascii=False) + "\n" for image in images_of(session))


def state_of(session: ProcessingSession) -> str:
    """Give all that an act may change as text: equal texts are equal states."""
    facts = {
        "session": [session.stage, session.hold, session.attempt, session.crashed_at is not None]
        + [getattr(session, name) for name in COUNTERS]
        + [session.shift, session.reason_counts],
        "batches": _rows(Batch, session, "number", "status", "lease", "sequence", "reason_counts", *COUNTERS),
        "results": _rows(
            ImageResult, session, "position", "attempt", "superseded_by", "decision", "relation"
        ),
        "checkpoints": _rows(Checkpoint, session, "checkpoint_type", "sequence", "note", "voided_by"),
        "overrides": _rows(Override, session, "position", "new", "by"),
        "attempts": _rows(RecoveryAttempt, session, "number", "option", "undone_by"),
        "audit": list(AuditEntry.objects.order_by("pk").values_list("action", "outcome")),
    }
    return json.dumps(facts, sort_keys=True)


def _rows(model: Any, session: ProcessingSession, *columns: str) -> list[Any]:
    rows = model.objects.filter(session=session).order_by(*columns[:2], "pk")
    return [list(row) for row in rows.values_list(*columns)]


def problems_of(session: ProcessingSession) -> list[str]:
    """Give what is wrong with a session that has been brought to its end, and with what lies around it."""
    return [*_unfinished(session), *_miscounted(session), *_unsound(session), *_left_behind()]


def _unfinished(session: ProcessingSession) -> Iterator[str]:
    if session.status != Status.COMPLETED:
        yield f"The session is {session.status}."
    positions = list(_live(session).in_order().values_list("position", flat=True))
    if positions != list(range(session.total or 0)):
        yield f"Photos with a verdict: {positions} of {session.total}."
    if not positions:
        yield "There is no photo at all."


def _miscounted(session: ProcessingSession) -> Iterator[str]:
    counted = Counter(_live(session).values_list("decision", flat=True))
    expected = {name: counted[name] for name in COUNTERS} | {"processed": counted.total()}
    if session.counts() != expected:
        yield f"The session counts {session.counts()}, its rows {expected}."


def _unsound(session: ProcessingSession) -> Iterator[str]:
    # Pictures are not synced, since they can be made again: a power cut may take them.
    yield from (one.text for one in integrity.verify(session) if one.code != Code.MISSING_THUMBNAIL)
    yield from audit_problems()


def audit_problems() -> Iterator[str]:
    """Give what is wrong with the audit log."""
    yield from (problem.text for problem in Reading().problems())


def _left_behind() -> Iterator[str]:
    if Worker.objects.living().exists():
        yield "A process that has ended counts as living."
    if Batch.objects.leased().exists():
        yield "A batch is still held."
    yield from (f"{path.name} was left behind." for path in sorted(recorder.folder().iterdir()))


def _live(session: ProcessingSession) -> Any:
    return ImageResult.objects.live().filter(session=session)


def rows_left() -> list[str]:
    """Give what a deleted session has left behind."""
    models = (ProcessingSession, Batch, ImageResult, Override, Checkpoint, Crash, RecoveryAttempt)
    left = [f"{model.__name__} rows are left." for model in models if model.objects.exists()]
    return [*left, *audit_problems()]
