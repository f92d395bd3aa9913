"""Carrying a recovery out: who may, what it changes, where it goes on, and that it happens whole or not at all."""

from pathlib import Path
from typing import Any

import pytest

from processing.models import Batch, ImageResult, ProcessingSession, StepRefused, Worker
from processing.states import BatchKind, BatchStatus, Stage, Status
from recovery.batch_checks import check_batch
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from recovery.plans import RecoveryOption, prepare_recovery_options
from recovery.resume import ConfirmationRequired, NotSafe, Recovered, execute_recovery
from recovery.session_checks import check_sums
from recovery.statistics import totals_of
from tests.factories import make_batch, make_crash, make_session, make_worker
from tests.racing import overlap
from tests.recovery.sound import completed_session, sound_session
from tests.recovery.sources import lay, lay_out

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a session of 12 photos in 3 batches, 10 judged, the last batch held by a worker."""
    session = sound_session()
    lay_out(session, tmp_path / "photos")
    return session


def held_batch(session: ProcessingSession) -> Batch:
    """Give the batch that is not finished."""
    return Batch.objects.unfinished().get(session=session, kind=BatchKind.PHOTOS)


def live_positions(session: ProcessingSession) -> list[int]:
    """List the positions with a live verdict."""
    rows = ImageResult.objects.live().filter(session=session).in_order()
    return list(rows.values_list("position", flat=True))


def findings_of(session: ProcessingSession) -> list[str]:
    """Check all batches and the sums."""
    batches = Batch.objects.filter(session=session, kind=BatchKind.PHOTOS).order_by("pk")
    return [f.text for b in batches for f in check_batch(b)] + [f.text for f in check_sums(session)]


@pytest.mark.parametrize("step", ["latch", "pause", "fail", None])
def test_continue_sets_an_interrupted_paused_failed_or_waiting_session_going(
    session: ProcessingSession, step: str | None
) -> None:
    if step is not None:
        session.fail("no disk") if step == "fail" else getattr(session, step)()

    recovered = execute_recovery(session, "continue", by="ada")

    held = held_batch(session)
    assert (session.status, session.attempt, session.crashed_at) == (Status.RUNNING, 1, None)
    assert (held.status, held.lease) == (BatchStatus.QUEUED, 2)
    assert recovered == Recovered(
        attempt=1,
        option="continue",
        message="The session goes on from photo 11: 10 verdicts kept, 0 put aside, 2 photos left.",
        start_index=10,
        keep=10,
        redo=0,
        left=2,
    )
    attempt = RecoveryAttempt.objects.get()
    assert (attempt.session, attempt.number, attempt.option, attempt.by) == (session, 1, "continue", "ada")
    assert attempt.preview == {"start_index": 10, "keep": 10, "redo": 0, "left": 2}


@pytest.mark.parametrize(
    ("option", "live", "start"),
    [("continue", 10, 10), ("restart_batch", 8, 8), ("fresh_start", 0, 0)],
)
def test_each_option_keeps_what_it_says_and_all_counts_stay_true(
    session: ProcessingSession, option: str, live: int, start: int
) -> None:
    recovered = execute_recovery(session, option, user_confirmed=True)

    assert live_positions(session) == list(range(live))
    assert (recovered.keep, recovered.redo, recovered.left, recovered.start_index) == (
        live,
        10 - live,
        12 - live,
        start,
    )
    assert session.counts()["processed"] == live
    assert ImageResult.objects.filter(session=session, superseded_by=1).count() == 10 - live
    assert findings_of(session) == []


@pytest.mark.parametrize("option", list(RecoveryOption))
@pytest.mark.parametrize("change", [None, "changed", "gone"])
def test_preview_equals_effect(
    session: ProcessingSession, option: RecoveryOption, change: str | None
) -> None:
    photo = Path(session.source) / "000001.jpg"
    if change == "gone":
        photo.unlink()
    elif change == "changed":
        lay(photo, 5, 7)
    preview = {o.option: o for o in prepare_recovery_options(session)}[option.value]

    done = execute_recovery(session, option.value, user_confirmed=True, attempt=preview.attempt)

    assert (done.keep, done.redo, done.left, done.start_index) == (
        preview.keep,
        preview.redo,
        preview.left,
        preview.start_index,
    )
    assert done.redo == {"continue": 0, "restart_batch": 2, "fresh_start": 10}[option.value] + int(
        change is not None and option != RecoveryOption.FRESH_START
    )


def test_changed_photo_of_a_finished_batch_is_made_anew(session: ProcessingSession) -> None:
    lay(Path(session.source) / "000001.jpg", 5, 7)

    execute_recovery(session, "continue")

    first = Batch.objects.get(session=session, number=0)
    assert (first.status, [photo.position for photo in first.missing()]) == (BatchStatus.QUEUED, [1])
    assert 1 not in live_positions(session)


def test_photo_that_vanished_before_it_could_be_read_is_left_alone_until_it_is_back(
    session: ProcessingSession,
) -> None:
    photo = Path(session.source) / "000003.jpg"
    held_before = ImageResult.objects.filter(session=session, position=3)
    held_before.update(sha256="")
    row = held_before.get()
    row.sign()
    held_before.update(mac=row.mac)
    photo.unlink()
    gone = {o.option: o.redo for o in prepare_recovery_options(session)}
    lay(photo, row.size_bytes, row.mtime_ns)

    back = {o.option: o.redo for o in prepare_recovery_options(session)}

    assert (gone["continue"], back["continue"]) == (0, 1)


def test_completed_session_goes_back_to_analyzing_and_its_comparison_is_made_again(tmp_path: Path) -> None:
    session = completed_session()
    lay_out(session, tmp_path / "photos")
    compared = ImageResult.objects.exclude(similar_group=None).count()

    execute_recovery(session, "fresh_start", user_confirmed=True)

    assert compared == 2
    assert (session.status, session.shift, session.reason_counts) == (Status.RUNNING, {}, {})
    assert ImageResult.objects.exclude(similar_group=None).count() == 0
    assert Batch.objects.get(session=session, kind=BatchKind.COMPARE).status == BatchStatus.QUEUED


def test_fresh_start_asks_for_a_confirmation(session: ProcessingSession) -> None:
    with pytest.raises(ConfirmationRequired):
        execute_recovery(session, "fresh_start")

    assert (len(live_positions(session)), RecoveryAttempt.objects.count()) == (10, 0)
    assert AuditEntry.objects.get().outcome.startswith("refused: A fresh start")


def test_recovery_is_refused_and_recorded_when_the_source_is_gone(session: ProcessingSession) -> None:
    Path(session.source).rename(Path(session.source).with_name("elsewhere"))

    with pytest.raises(StepRefused, match=session.source):
        execute_recovery(session, "fresh_start", user_confirmed=True)

    assert (len(live_positions(session)), RecoveryAttempt.objects.count()) == (10, 0)
    assert AuditEntry.objects.get().outcome.startswith("refused: ")


@pytest.mark.parametrize("kind", ["worker in a lane", "parent of its own"])
def test_recovery_is_refused_while_someone_is_at_it(session: ProcessingSession, kind: str) -> None:
    if kind == "worker in a lane":
        make_worker(parent=make_worker(), lane_session=session)
    else:
        make_worker(serves=session)

    with pytest.raises(StepRefused, match="Workers are at it; pause it first"):
        execute_recovery(session, "continue")

    assert (held_batch(session).status, RecoveryAttempt.objects.count()) == (BatchStatus.LEASED, 0)


@pytest.mark.parametrize("option", list(RecoveryOption))
def test_every_option_is_refused_when_the_session_is_cancelled(
    session: ProcessingSession, option: RecoveryOption
) -> None:
    session.cancel()

    with pytest.raises(StepRefused):
        execute_recovery(session, option.value, user_confirmed=True)

    assert RecoveryAttempt.objects.count() == 0


def test_plain_continue_is_refused_when_the_session_is_completed(tmp_path: Path) -> None:
    session = completed_session()
    lay_out(session, tmp_path / "photos")

    with pytest.raises(StepRefused, match="there is nothing to continue"):
        execute_recovery(session, "continue")


def test_stale_request_is_refused_and_recorded(session: ProcessingSession) -> None:
    execute_recovery(session, "continue", attempt=0)

    with pytest.raises(StepRefused, match="attempt 0 was shown, it is at 1"):
        execute_recovery(session, "fresh_start", user_confirmed=True, attempt=0)

    outcomes = list(AuditEntry.objects.order_by("number").values_list("action", "outcome"))
    assert (outcomes[0], outcomes[1][0]) == (("recover", "done"), "recover")
    assert outcomes[1][1].startswith("refused: ")
    assert len(live_positions(session)) == 10


@pytest.mark.vendor("postgresql")
def test_second_of_two_recoveries_is_refused_when_both_saw_the_same(session: ProcessingSession) -> None:
    mine, others = (ProcessingSession.objects.get(pk=session.pk) for _ in range(2))

    def second() -> str:
        try:
            execute_recovery(others, "fresh_start", user_confirmed=True)
        except StepRefused as error:
            return str(error)
        return "carried out"

    said = overlap(lambda: mine.recover(), second)

    assert "attempt 0 was shown, it is at 1" in said
    assert len(live_positions(session)) == 10


@pytest.mark.parametrize("option", ["continue", "restart_batch", "fresh_start"])
def test_changed_verdict_stops_what_would_build_on_it(session: ProcessingSession, option: str) -> None:
    lay(Path(session.source) / "000001.jpg", 5, 7)
    ImageResult.objects.filter(session=session, position=0).update(verdict="rejected", decision="rejected")

    outcome: Any
    try:
        outcome = execute_recovery(session, option, user_confirmed=True).redo
    except NotSafe as error:
        outcome = type(error)

    assert outcome == (10 if option == "fresh_start" else NotSafe)
    assert len(live_positions(session)) == (0 if option == "fresh_start" else 10)


def test_recovery_closes_the_sessions_open_crashes_and_no_other(session: ProcessingSession) -> None:
    worker = make_worker()
    mine = make_crash(worker=worker, session=session)
    others = make_crash(worker=worker, session=make_session())
    session.latch()

    execute_recovery(session, "continue")

    mine.refresh_from_db()
    others.refresh_from_db()
    assert (mine.closed_at is None, mine.closed_by) == (False, RecoveryAttempt.objects.get())
    assert (others.closed_at, others.closed_by) == (None, None)
    assert totals_of(session) == {"crashes": 1, "recoveries": 1, "analysed_twice": 0}


def test_recovery_adds_the_parent_that_will_serve_the_session_in_the_same_transaction(
    session: ProcessingSession,
) -> None:
    execute_recovery(session, "continue", register=lambda locked: make_worker(serves=locked))

    assert Worker.objects.filter(serves=session).count() == 1


def test_nothing_has_changed_when_the_parent_cannot_be_added(session: ProcessingSession) -> None:
    make_crash(worker=make_worker(), session=session)
    session.latch()

    def fail(_session: ProcessingSession) -> Worker:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        execute_recovery(session, "restart_batch", register=fail)

    session.refresh_from_db()
    assert (session.status, session.attempt) == (Status.INTERRUPTED, 0)
    assert (held_batch(session).status, len(live_positions(session))) == (BatchStatus.LEASED, 10)
    assert (RecoveryAttempt.objects.count(), Crash.objects.filter(closed_at=None).count()) == (0, 1)
    assert AuditEntry.objects.count() == 0


def test_recovery_leaves_a_sealed_checkpoint_and_an_entry_in_the_audit_log(
    session: ProcessingSession,
) -> None:
    execute_recovery(session, "restart_batch", by="ada")

    checkpoint = Checkpoint.objects.newest_first(session).first()
    entry = AuditEntry.objects.get()
    assert checkpoint is not None
    assert (checkpoint.checkpoint_type, checkpoint.note, checkpoint.pinned) == (
        "manual",
        "After recovery 1: restart_batch.",
        False,
    )
    assert (entry.action, entry.actor, entry.session, entry.details["option"]) == (
        "recover",
        "ada",
        session.pk,
        "restart_batch",
    )


def test_other_sessions_stay_as_they_are(session: ProcessingSession) -> None:
    other = sound_session()
    before = list(ImageResult.objects.filter(session=other).order_by("pk").values())

    execute_recovery(session, "fresh_start", user_confirmed=True)

    assert list(ImageResult.objects.filter(session=other).order_by("pk").values()) == before
    assert findings_of(other) == []


def test_scan_goes_on_and_nothing_is_redone_when_it_was_interrupted(tmp_path: Path) -> None:
    session = make_session(stage=Stage.SCANNING, found_count=4)
    make_batch(session=session, kind=BatchKind.SCAN)
    make_batch(session=session)
    lay_out(session, tmp_path / "photos")
    session.latch()

    recovered = execute_recovery(session, "continue")

    assert (session.status, recovered.keep, recovered.left) == (Status.SCANNING, 0, 4)
