"""Recoveries by the product's own functions, and the work of a worker between them."""

from processing.models import Batch, ProcessingSession
from processing.states import BatchStatus, Hold
from recovery.resume import execute_recovery
from tests.factories import make_worker
from tests.recovery.sound import commit


def work_on(session: ProcessingSession, photos_count: int) -> None:
    """Let a worker commit some photos of the first batch that has any left."""
    batch = Batch.objects.filter(session=session, status=BatchStatus.QUEUED, kind="photos").order_by(
        "number"
    )[0]
    held = {"status": BatchStatus.LEASED, "worker": make_worker(), "attempt": session.attempt}
    Batch.objects.filter(pk=batch.pk).update(**held)
    batch.refresh_from_db()
    commit(batch, photos_count)


def recover(session: ProcessingSession, option: str) -> None:
    """Interrupt a session and recover it."""
    session.refresh_from_db()
    if session.hold != Hold.PAUSED:
        session.pause()
    execute_recovery(session, option, True)  # noqa: FBT003 -- the mission's order
    session.refresh_from_db()
