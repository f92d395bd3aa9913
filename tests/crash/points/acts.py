"""What a child does: begin, work, look, recover, undo, … by the product's own functions, and go on after a death."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from processing import overriding
from processing.analysis.pipeline import Pipeline
from processing.models import Batch, Preset, ProcessingSession
from processing.models.preset import DEFAULT_PRESET
from processing.runner import Slice, run_batch
from processing.states import Stage, Status, Verdict
from processing.worker import Presence
from recovery import acts, checkpoints, detection, integrity, overrides
from recovery.deletion import delete_session
from recovery.models import Checkpoint, CheckpointType
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from tests.crash.points.check import problems_of, rows_left, state_of, text_of
from tests.scans import start_session

BATCH_SIZE, INTERVAL = 3, 2
BY = "ada"
ENDS = (Status.COMPLETED, Status.CANCELLED)


def newest() -> ProcessingSession:
    """Give the place's newest session."""
    session = ProcessingSession.objects.newest_first().first()
    assert session is not None, "There is no session."
    return session


def begin(source: str) -> None:
    """Start a session."""
    rules = Preset.objects.get(name=DEFAULT_PRESET).rules
    start_session(Path(source), batch_size=BATCH_SIZE, checkpoint_interval=INTERVAL, preset=rules)


def work(goal: str = Stage.COMPLETED) -> None:
    """Be a parent and its worker, and work off batches until the session is at this stage."""
    session = newest()
    with _slice_of(session) as worker:
        while session.stage != goal:
            session.advance()
            batch = Batch.objects.claim(session.pk, worker.presence.row)
            assert batch is not None, f"Nothing to claim: {session.status}."
            run_batch(batch, worker)
            session.refresh_from_db()


@contextmanager
def _slice_of(session: ProcessingSession) -> Iterator[Slice]:
    parent, presence = Presence(), Presence()
    presence.register(parent=parent.register(serves=session))
    presence.row.enter_lane(session)
    pipeline = Pipeline("cpu")
    pipeline.set_batch_size(1)
    with ThreadPoolExecutor(1, "decoder") as decoders, ThreadPoolExecutor(1, "writer") as writer:
        yield Slice(presence, lambda: pipeline, decoders, writer, checkpoints.take, checkpoints.sound_alarm)
        writer.submit(lambda: connection.close()).result()  # Its own thread's connection.
    presence.end()
    parent.end()


def look() -> None:
    """Bury who is dead."""
    detection.look()


def recover(option: str) -> None:
    """Carry a way back out."""
    execute_recovery(newest(), option, user_confirmed=True, by=BY)


def go_back() -> None:
    """Go back to the oldest checkpoint that there is."""
    session = newest()
    oldest = Checkpoint.objects.filter(session=session, voided_by=None).order_by("last_result", "pk").first()
    execute_recovery(session, "continue", user_confirmed=True, by=BY, checkpoint=oldest)


def undo() -> None:
    """Undo the newest recovery."""
    rollback_recovery(newest(), by=BY)


def keep_by_hand() -> None:
    """Take a checkpoint by hand."""
    Checkpoint.objects.create_session_checkpoint(newest(), CheckpointType.MANUAL, force=True, note="by hand")


def prune() -> None:
    """Keep one image checkpoint fewer than there are."""
    settings.CHECKPOINT_KEEP_COUNT = 1
    with transaction.atomic():
        assert Checkpoint.objects.prune(newest().pk) == 1


def say_verdict() -> None:
    """Put a person's verdict on all rejected photos."""
    choice = overriding.Choice(decision=Verdict.REJECTED)
    assert (
        overrides.say_to_all(newest(), choice, overriding.Saying(Verdict.APPROVED, BY, "small")).changed > 1
    )


def miscount() -> None:
    """Change what the database counts, behind everybody's back."""
    batch = Batch.objects.filter(session=newest(), rejected__gt=0).order_by("pk").first()
    Batch.objects.filter(pk=batch.pk).update(rejected=F("rejected") - 1, approved=F("approved") + 1)


def repair() -> None:
    """Verify, and mend what can be mended."""
    tally = integrity.Tally()
    list(integrity.verify(newest(), repair=True, actor=BY, tally=tally))
    assert (tally.repaired, tally.is_safe_now) == (tally.repairable, True)
    assert tally.repaired > 0


def pause() -> None:
    """Pause."""
    acts.pause(newest(), actor=BY, why="lunch")


def delete() -> None:
    """Delete the session, if it is still there."""
    session = ProcessingSession.objects.first()
    if session is not None:
        delete_session(session, by=BY)


def go_on_deleting(**_unused: Any) -> dict[str, Any]:
    """After a death in a deletion: delete again, and see that nothing is left."""
    delete()
    return {"problems": rows_left(), "text": ""}


def go_on(name: str, arguments: dict[str, Any], states: list[str]) -> dict[str, Any]:
    """After a death: see that the act is whole or not there, repeat it in that case, recover, work, and check.

    `states` are those before and after the act, for acts of one transaction; none for others.
    """
    state = state_of(newest())
    halves = [] if not states or state in states else ["The act was done in part."]
    detection.look()
    if states and state == states[0]:
        ACTS[name](**arguments)
    finish()
    return {"problems": halves + problems_of(newest()), "text": text_of(newest())}


def finish() -> None:
    """Look, recover if that is needed, and work to the end."""
    detection.look()
    session = newest()
    if session.status in (Status.INTERRUPTED, Status.PAUSED, Status.FAILED):
        recover("continue")
    if session.status not in ENDS:
        work()


def tell_state() -> str:
    """Give the state as it is compared."""
    session = ProcessingSession.objects.first()
    return "" if session is None else state_of(session)


ACTS: dict[str, Callable[..., Any]] = {
    "begin": begin,
    "work": work,
    "look": look,
    "recover": recover,
    "go_back": go_back,
    "undo": undo,
    "keep_by_hand": keep_by_hand,
    "prune": prune,
    "say_verdict": say_verdict,
    "miscount": miscount,
    "repair": repair,
    "pause": pause,
    "delete": delete,
    "go_on_deleting": go_on_deleting,
    "go_on": go_on,
    "tell_state": tell_state,
}
