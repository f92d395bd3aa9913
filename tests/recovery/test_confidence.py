"""How sure a recovery is: each piece of evidence alone brings it below what goes on without asking."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models.functions import Now

from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import BatchKind
from recovery import checkpoints
from recovery.confidence import SAFE_MIN, Part, confidence_of
from recovery.models import Checkpoint, CheckpointType, RecoveryAttempt
from recovery.plans import Option, prepare_recovery_options
from tests.factories import make_batch, make_crash, make_results, make_session, make_worker
from tests.recovery.sources import lay, lay_out

pytestmark = pytest.mark.django_db(transaction=True)


def damage_seal(session: ProcessingSession) -> None:
    """Change the newest checkpoint, which covers no verdict that another does not."""
    newest = Checkpoint.objects.create_session_checkpoint(session, CheckpointType.MANUAL, force=True)
    Checkpoint.objects.filter(pk=newest.pk).update(note="changed")


def break_chain(session: ProcessingSession) -> None:
    """Remove a checkpoint from between two others."""
    images = Checkpoint.objects.filter(session=session, checkpoint_type=CheckpointType.IMAGE)
    images.order_by("last_result")[1].delete()


def spoil_counters(session: ProcessingSession) -> None:
    """Let a batch count what its rows do not say."""
    Batch.objects.filter(session=session).update(approved=2, rejected=1)


def lose_newest_checkpoints(session: ProcessingSession) -> None:
    """Leave verdicts newer than the newest intact checkpoint: it is void."""
    newest = Checkpoint.objects.filter(session=session).order_by("-last_result").first()
    Checkpoint.objects.filter(pk=newest.pk).update(voided_by=7)


def change_source(session: ProcessingSession) -> None:
    """Change one judged photo."""
    lay(Path(session.source) / "000000.jpg", 5, 7)


def leave_holder_unproven(session: ProcessingSession) -> None:
    """Let the crash be that of a silent host."""
    make_crash(worker=make_worker(host="elsewhere", ended_at=Now()), session=session)


def fail_before(session: ProcessingSession) -> None:
    """Let two recoveries have led nowhere."""
    newest = ImageResult.objects.filter(session=session).order_by("-pk").first()
    for number in (1, 2):
        RecoveryAttempt.objects.create(
            session=session, number=number, option="continue", last_result=newest.pk
        )


SPOILERS: dict[str, Callable[[ProcessingSession], None]] = {
    "seal": damage_seal,
    "chain": break_chain,
    "rows": spoil_counters,
    "age": lose_newest_checkpoints,
    "source": change_source,
    "holder": leave_holder_unproven,
    "attempts": fail_before,
}


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give an interrupted session of four photos, three of them judged one by one, each with a checkpoint."""
    session = make_session(total=4, found_count=4)
    batch = make_batch(session=session, worker=make_worker())
    for _ in range(3):
        batch.commit(make_results(batch=batch, photos_count=1), checkpoints.take)
    lay_out(session, tmp_path / "photos")
    session.latch()
    return session


def option_of(session: ProcessingSession, name: str = "continue") -> Option:
    """Give one way back."""
    return {option.option: option for option in prepare_recovery_options(session)}[name]


def test_undamaged_session_is_surely_recovered(session: ProcessingSession) -> None:
    options = prepare_recovery_options(session)

    assert [(option.confidence, option.available) for option in options] == [(1.0, True)] * 3
    assert [part.name for part in options[0].confidence_parts] == list(SPOILERS)


@pytest.mark.parametrize("name", SPOILERS)
def test_one_spoiled_piece_of_evidence_is_enough_to_ask_a_person(
    session: ProcessingSession, name: str
) -> None:
    before = option_of(session)

    SPOILERS[name](session)

    after = option_of(session)
    changed = [
        new.name
        for old, new in zip(before.confidence_parts, after.confidence_parts, strict=True)
        if old.score != new.score
    ]
    assert (changed, after.confidence < SAFE_MIN, before.confidence) == ([name], True, 1.0)


@pytest.mark.parametrize("name", ["seal", "chain", "rows", "age", "source"])
def test_fresh_start_does_not_rest_on_what_was_stored(session: ProcessingSession, name: str) -> None:
    SPOILERS[name](session)

    assert option_of(session, "fresh_start").confidence == 1.0


def test_every_option_is_closed_when_the_source_is_gone(session: ProcessingSession) -> None:
    Path(session.source).rename(Path(session.source).with_name("elsewhere"))

    options = prepare_recovery_options(session)

    assert [option.available for option in options] == [False, False, False]
    assert session.source in options[0].risks[0]


def test_confidence_is_what_all_parts_leave() -> None:
    parts = [Part("a", 0.5, 0.4, ""), Part("b", 0.0, 0.25, ""), Part("c", 1.0, 0.9, "")]

    assert confidence_of(parts) == pytest.approx(0.8 * 0.75)


def test_new_photos_are_told_and_change_no_number(session: ProcessingSession) -> None:
    lay(Path(session.source) / "000001a.jpg", 5, 7)
    lay(Path(session.source) / "zz.jpg", 5, 7)

    option = option_of(session)

    assert (option.keep, option.redo, option.left, option.confidence) == (3, 0, 1, 1.0)
    assert option.risks == ("2 new photos are in the source; a new session takes them.",)


def test_published_option_has_its_keys_in_order(session: ProcessingSession) -> None:
    assert list(option_of(session).published()) == [
        "session", "option", "checkpoint", "keep", "redo", "left", "start_index", "seconds", "confidence",
        "confidence_parts", "risks", "needs_confirmation", "available", "attempt",
    ]  # fmt: skip


def test_batches_of_other_kinds_have_no_say(session: ProcessingSession) -> None:
    make_batch(session=session, kind=BatchKind.COMPARE)

    assert option_of(session).confidence == 1.0
