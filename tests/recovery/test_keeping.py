"""The manager of checkpoints: sealing ones by hand, their chain and ledger, how many stay, which is usable."""

import pytest
from django.db import transaction
from pytest_django import Settings

from processing import digests, keys
from processing.models import Batch, ProcessingSession, StepRefused
from processing.states import Hold, Stage
from recovery import checkpoints, seal
from recovery.models import Checkpoint
from tests.factories import make_batch, make_checkpoint, make_results, make_session, make_worker
from tests.racing import overlap

pytestmark = pytest.mark.django_db
KEYS = {
    "stage",
    "current_batch",
    "current_image_index",
    "open_batches",
    "processed",
    "approved",
    "rejected",
    "failed",
    "memory_bytes",
    "device_memory_bytes",
    "device_utilization",
    "rate_per_s",
    "errors_count",
    "last_error",
    "config_snapshot",
    "versions",
    "digest",
}


def running_session(*, batches_count: int = 2, photos_count: int = 4) -> ProcessingSession:
    """Make a scanned session with leased batches, the first of which has two verdicts."""
    total = batches_count * photos_count
    session = make_session(total=total, found_count=total, preset={"noise_max": 2.5})
    worker = make_worker()
    for _ in range(batches_count):
        make_batch(session=session, photos_count=photos_count, worker=worker)
    commit(session, 2)
    return session


def commit(session: ProcessingSession, photos_count: int, **columns: object) -> Batch:
    """Commit the next photos of the first batch that has some left."""
    batch = Batch.objects.unfinished().filter(session=session).order_by("number")[0]
    batch.commit(make_results(batch=batch, photos_count=photos_count, **columns), checkpoints.take)
    return batch


def take(session: ProcessingSession, kind: str = "manual", **options: object) -> Checkpoint | None:
    return Checkpoint.objects.create_session_checkpoint(session, kind, **options)


def test_sealing_checkpoint_describes_the_whole_session() -> None:
    session = running_session()
    make_worker(
        parent=make_worker(),
        lane_session=session,
        telemetry={"rss_bytes": 100, "rate_per_s": 1.5, "errors_count": 2, "last_error": "slow disk"},
    )
    make_worker(parent=make_worker(), lane_session=session, telemetry={"rss_bytes": 50, "rate_per_s": 0.5})

    made = take(session, force=True, note="before the trip")

    batch = Batch.objects.get(session=session, number=0)
    assert made is not None
    state = seal.open_state(Checkpoint.objects.get(pk=made.pk))
    assert set(state) == KEYS
    assert (state["processed"], state["approved"], state["rejected"], state["failed"]) == (2, 2, 0, 0)
    assert (state["stage"], state["current_batch"], state["current_image_index"]) == ("running", 0, 2)
    assert (state["memory_bytes"], state["rate_per_s"], state["errors_count"]) == (150, 2.0, 2)
    assert (state["device_memory_bytes"], state["device_utilization"]) == (None, None)
    assert state["last_error"] == "slow disk"
    assert state["config_snapshot"]["preset"] == {"noise_max": 2.5}
    assert state["config_snapshot"]["settings"]["batch_size"] == 4
    assert state["open_batches"] == [
        {
            "number": 0,
            "kind": "photos",
            "processed": 2,
            "approved": 2,
            "rejected": 0,
            "unreadable": 0,
            "quarantined": 0,
            "reason_counts": {},
            "digest": bytes(batch.digest).hex(),
            "head": bytes(batch.chain_head).hex(),
        }
    ]
    assert (made.note, made.pinned, made.processed_count) == ("before the trip", True, 2)


def test_image_checkpoint_describes_its_own_batch_and_tells_what_the_worker_tells() -> None:
    session = running_session()
    second = Batch.objects.get(session=session, number=1)
    telemetry = {"rss_bytes": 7, "device_memory_bytes": 8, "device_utilization": 0.5, "rate_per_s": 3.0}

    second.commit(
        make_results(batch=second, photos_count=1, verdict="quarantined"),
        lambda commit: checkpoints.take(commit, telemetry),
    )

    made = Checkpoint.objects.get(batch=second)
    state = seal.open_state(made)
    assert set(state) == KEYS
    assert (state["processed"], state["approved"], state["failed"], made.processed_count) == (1, 0, 1, 1)
    assert [(one["number"], one["processed"], one["head"]) for one in state["open_batches"]] == [(1, 1, "")]
    assert state["digest"] == bytes(second.digest).hex()
    assert [state[name] for name in ("memory_bytes", "device_memory_bytes", "device_utilization")] == [
        7,
        8,
        0.5,
    ]


def test_counts_of_a_checkpoint_follow_the_decisions() -> None:
    session = running_session(batches_count=1)
    ProcessingSession.objects.filter(pk=session.pk).update(shift={"approved": -1, "rejected": 1})

    batch = commit(session, 1)
    by_hand = take(session, force=True)

    assert by_hand is not None
    image = Checkpoint.objects.get(batch=batch, sequence=2)
    for one in (image, by_hand):
        state = seal.open_state(one)
        assert (state["processed"], state["approved"], state["rejected"]) == (3, 2, 1)


def test_image_checkpoints_chain_within_their_batch() -> None:
    session = running_session()

    batch = commit(session, 1)

    first, second = Checkpoint.objects.filter(batch=batch).order_by("sequence")
    batch.refresh_from_db()
    assert (bytes(first.previous), bytes(second.previous)) == (b"", bytes(first.seal))
    assert bytes(batch.chain_head) == bytes(second.seal)


def test_commit_chains_onto_what_is_stored_when_the_keys_were_rotated_meanwhile() -> None:
    session = running_session(batches_count=1)
    held = Batch.objects.get(session=session)
    rotated = keys.sign("batch digest", b"as rotate_keys would")
    Batch.objects.filter(pk=held.pk).update(digest=rotated, chain_head=b"head")

    held.commit(make_results(batch=held, photos_count=1), checkpoints.take)

    row = held.results.order_by("-pk")[0]
    assert bytes(held.digest) == digests.after_commit(held.pk, rotated, [row])
    assert bytes(Checkpoint.objects.get(batch=held, sequence=2).previous) == b"head"


def test_batch_checkpoint_bears_the_last_image_one_and_is_named_by_the_ledger() -> None:
    session = running_session()

    batch = commit(session, 2)

    end = Checkpoint.objects.get(batch=batch, checkpoint_type="batch")
    session.refresh_from_db()
    assert bytes(end.previous) == bytes(Batch.objects.get(pk=batch.pk).chain_head) != b""
    assert session.ledger["newest"]["batch"] == {"checkpoint": str(end.pk), "seal": bytes(end.seal).hex()}
    assert session.has_authentic_ledger()


def test_sealing_checkpoints_chain_among_themselves_whatever_their_type() -> None:
    session = running_session()

    made = [take(session, kind, force=True) for kind in ("manual", "emergency", "milestone")]

    rows = Checkpoint.objects.filter(pk__in=[one.pk for one in made if one]).order_by("sequence")
    assert [(row.checkpoint_type, row.sequence) for row in rows] == [
        ("manual", 1),
        ("emergency", 2),
        ("milestone", 3),
    ]
    assert [bytes(row.previous) for row in rows] == [b"", *(bytes(row.seal) for row in rows)][:3]
    session.refresh_from_db()
    assert session.ledger["head"] == bytes(rows[2].seal).hex()


def test_none_is_taken_when_the_newest_covers_everything_unless_it_is_forced() -> None:
    session = running_session()

    assert take(session) is None
    assert take(session, force=True) is not None


def test_one_is_due_again_when_there_are_new_verdicts_or_another_attempt() -> None:
    session = running_session()
    take(session, force=True)
    before = take(session)
    ProcessingSession.objects.filter(pk=session.pk).update(attempt=3)

    made = take(session)

    assert before is None
    assert made is not None
    assert made.attempt == 3


def test_emergency_is_always_due_and_carries_its_error() -> None:
    session = running_session()

    made = take(session, "emergency", error="No space left on device.")

    assert made is not None
    assert seal.open_state(made)["last_error"] == "No space left on device."
    assert (made.note, made.pinned) == ("No space left on device.", False)


@pytest.mark.parametrize("stage", [Stage.SCANNING, Stage.COMPLETED])
def test_checkpoint_by_hand_is_taken_at_any_stage(stage: Stage) -> None:
    session = make_session(stage=stage)

    made = take(session, force=True)

    assert made is not None
    assert (made.current_batch, made.last_result) == (None, None)


def test_checkpoint_of_a_cancelled_session_is_refused() -> None:
    session = make_session(hold=Hold.CANCELLED)

    with pytest.raises(StepRefused, match="cannot take a checkpoint: it is cancelled"):
        take(session, force=True)


@pytest.mark.parametrize("kind", ["image", "batch"])
def test_checkpoint_that_only_a_commit_makes_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="is made by a commit only"):
        take(make_session(), kind, force=True)


def test_note_is_cut_to_what_every_database_keeps() -> None:
    made = take(running_session(), force=True, note="a\0b\udcff" + "x" * 5000)

    assert made is not None
    stored = Checkpoint.objects.get(pk=made.pk)
    assert stored.note == ("ab\\udcff" + "x" * 5000)[:2000]
    assert seal.problem_of(stored) is None


def test_only_the_newest_of_each_other_type_stays_unless_it_is_pinned() -> None:
    session = running_session()
    kinds = ("milestone", "milestone", "emergency", "emergency", "manual", "manual")

    made = [take(session, kind, force=True) for kind in kinds]
    unpinned = [take(session, force=True, pinned=False) for _ in range(2)]

    left = set(Checkpoint.objects.filter(session=session).exclude(checkpoint_type="image"))
    assert left == {made[1], made[3], made[4], made[5], unpinned[1]}


def test_all_checkpoints_are_intact_after_a_whole_session() -> None:
    session = running_session(batches_count=3)
    for _ in range(5):
        commit(session, 2)
    take(session, force=True)

    rows = list(Checkpoint.objects.filter(session=session))
    assert [seal.problem_of(row) for row in rows] == [None] * len(rows)
    assert {str(row.checkpoint_type) for row in rows} == {"image", "batch", "milestone", "manual"}


def test_latest_intact_offers_the_next_older_one_when_the_newest_are_damaged_or_void() -> None:
    session = running_session(batches_count=1, photos_count=6)
    for _ in range(3):
        commit(session, 1)
    third, second, first = Checkpoint.objects.filter(session=session).order_by("-last_result")[:3]
    Checkpoint.objects.filter(pk=third.pk).update(processed_count=99)
    Checkpoint.objects.filter(pk=second.pk).update(voided_by=1)

    assert Checkpoint.objects.latest_intact(session) == first


def test_latest_intact_is_the_one_that_covers_most_though_the_clock_went_back() -> None:
    session = make_session()
    newest = make_checkpoint(session=session, last_result=9, created_at="2020-01-01T00:00:00Z")
    make_checkpoint(session=session, last_result=8, created_at="2026-01-01T00:00:00Z")

    assert Checkpoint.objects.latest_intact(session) == newest


def test_latest_intact_is_none_when_there_is_no_checkpoint() -> None:
    assert Checkpoint.objects.latest_intact(make_session()) is None


def test_ledger_stays_unsigned_when_it_was_changed() -> None:
    session = running_session()
    take(session, force=True)
    ledger = ProcessingSession.objects.get(pk=session.pk).ledger
    ProcessingSession.objects.filter(pk=session.pk).update(ledger={**ledger, "pinned": {}})

    take(session, force=True)

    session.refresh_from_db()
    assert not session.has_authentic_ledger()


def test_ledger_stays_unsigned_when_its_hash_was_taken_away() -> None:
    session = running_session()
    take(session, force=True)
    ProcessingSession.objects.filter(pk=session.pk).update(ledger_tag=b"")

    take(session, force=True)

    session.refresh_from_db()
    assert not session.has_authentic_ledger()


@pytest.mark.vendor("postgresql")
@pytest.mark.django_db(transaction=True)
def test_prune_leaves_all_to_the_next_time_when_one_is_locked(settings: Settings) -> None:
    settings.CHECKPOINT_KEEP_COUNT = 1
    session = make_session()
    images = [make_checkpoint(session=session, last_result=n + 1) for n in range(4)]
    locked = Checkpoint.objects.filter(pk=images[1].pk).select_for_update()

    prune = transaction.atomic(lambda: Checkpoint.objects.prune(session.pk))
    deleted = overlap(lambda: list(locked), prune)
    later = prune()

    assert (deleted, later) == (0, 3)
