"""Checkpoints by hand: taken, pinned, unpinned, cleaned up, each with its entry in the audit log."""

import pytest

from processing.management.failures import NotFound, Refused, WrongUsage
from processing.models import Batch
from processing.states import Hold, Stage
from recovery import checkpoint_acts
from recovery.audit import ActRefused
from recovery.chain import missing_checkpoints
from recovery.models import AuditEntry, Checkpoint
from tests.commands.running import run
from tests.factories import make_session
from tests.recovery.sound import commit, sound_session

pytestmark = pytest.mark.django_db(transaction=True)


def acts() -> list[tuple[str, str]]:
    """Give what the audit log holds, in order."""
    return list(AuditEntry.objects.order_by("number").values_list("action", "outcome"))


@pytest.mark.parametrize("kind", ["manual", "emergency"])
def test_checkpoint_is_taken_by_hand_and_recorded(kind: str) -> None:
    session = sound_session()

    (printed,) = run("checkpoint", "latest", "--type", kind, "--note", "a b", "--json").objects

    made = Checkpoint.objects.get(checkpoint_type=kind)
    entry = AuditEntry.objects.get()
    assert (printed["type"], printed["checkpoint"], printed["intact"]) == ("checkpoint", str(made.pk), True)
    assert (printed["processed_count"], printed["pinned"], made.note) == (10, kind == "manual", "a b")
    assert (entry.action, entry.session, entry.outcome) == ("checkpoint", session.pk, "done")
    assert entry.details == {"checkpoint": str(made.pk), "type": kind, "note": "a b"}


@pytest.mark.parametrize(
    "columns",
    [
        {"stage": Stage.SCANNING},
        {"stage": Stage.COMPLETED},
        {"hold": Hold.PAUSED},
        {"hold": Hold.FAILED},
        {"crashed_at": "2026-01-01T00:00:00Z"},
    ],
    ids=["scanning", "completed", "paused", "failed", "interrupted"],
)
def test_checkpoint_is_taken_in_every_state_but_cancelled(columns: dict[str, object]) -> None:
    make_session(**columns)

    printed = run("checkpoint", "latest")

    made = Checkpoint.objects.get()
    assert printed.out == f"Checkpoint {made.pk} covers 0 photos.\n"


def test_checkpoint_of_a_cancelled_session_is_refused_and_the_refusal_recorded() -> None:
    session = make_session(hold=Hold.CANCELLED)

    with pytest.raises(Refused, match="cannot take a checkpoint: it is cancelled"):
        run("checkpoint", "latest")

    why = f"refused: Session {session.pk} cannot take a checkpoint: it is cancelled."
    assert (acts(), Checkpoint.objects.count()) == ([("checkpoint", why)], 0)


def test_checkpoint_is_pinned_and_unpinned_by_a_prefix_of_its_id() -> None:
    sound_session()
    image = Checkpoint.objects.get(checkpoint_type="image")

    pinned = run("pin_checkpoint", str(image.pk)[:8], "--json").objects[0]["pinned"]
    unpinned = run("unpin_checkpoint", str(image.pk)).out

    image.refresh_from_db()
    assert (pinned, image.pinned) == (True, False)
    assert unpinned == f"Checkpoint {image.pk} is kept no longer than others of its type.\n"
    assert [entry.details["pinned"] for entry in AuditEntry.objects.order_by("number")] == [True, False]


@pytest.mark.parametrize("name", ["pin_checkpoint", "unpin_checkpoint"])
def test_unknown_checkpoint_is_not_found(name: str) -> None:
    with pytest.raises(NotFound, match="No checkpoint begins with 'abcd1234'"):
        run(name, "abcd1234")


def test_pin_of_a_checkpoint_that_was_pruned_meanwhile_is_refused_and_recorded() -> None:
    sound_session()
    image = Checkpoint.objects.get(checkpoint_type="image")
    Checkpoint.objects.filter(pk=image.pk).delete()

    with pytest.raises(ActRefused, match="is gone: it was pruned a moment ago"):
        checkpoint_acts.pin(image, keeps=True, actor="anna")

    assert acts() == [("pin", f"refused: Checkpoint {image.pk} is gone: it was pruned a moment ago.")]


def test_nothing_is_missing_when_one_was_unpinned() -> None:
    session = sound_session(done=0, photos_count=20, begun=1)
    first = Checkpoint.objects.get(checkpoint_type="image")
    checkpoint_acts.pin(first, keeps=True, actor="anna")
    batch = Batch.objects.get(session=session)
    for _ in range(8):
        commit(batch, 1)

    checkpoint_acts.pin(first, keeps=False, actor="anna")

    before = Checkpoint.objects.filter(pk=first.pk).count()
    missing = missing_checkpoints(session)
    commit(batch, 1)
    assert (before, missing, missing_checkpoints(session)) == (1, [], [])
    assert not Checkpoint.objects.filter(pk=first.pk).exists()


def test_cleanup_keeps_the_newest_images_of_each_session_and_says_how_many_go() -> None:
    session = sound_session(done=0, photos_count=20, begun=1)
    other = make_session()
    batch = Batch.objects.get(session=session)
    for _ in range(3):
        commit(batch, 1)
    run("checkpoint", str(session.pk))
    manual = Checkpoint.objects.get(checkpoint_type="manual")
    run("checkpoint", str(session.pk))
    checkpoint_acts.pin(manual, keeps=False, actor="anna")

    rehearsed = run("cleanup_checkpoints", str(session.pk), "--keep", "2", "--dry-run", "--json").objects
    done = run("cleanup_checkpoints", "--all", "--keep", "2", "--json").objects

    expected = {"type": "cleanup", "session": str(session.pk), "deleted": 3}
    assert rehearsed == [expected | {"dry_run": True}]
    assert sorted(done, key=lambda one: one["deleted"]) == [
        {"type": "cleanup", "session": str(other.pk), "deleted": 0, "dry_run": False},
        expected | {"dry_run": False},
    ]
    left = Checkpoint.objects.filter(session=session).order_by("processed_count", "checkpoint_type")
    assert list(left.values_list("checkpoint_type", "processed_count")) == [
        ("image", 3),
        ("image", 4),
        ("manual", 4),
    ]
    assert missing_checkpoints(session) == []


def test_cleanup_without_a_session_is_a_usage_error() -> None:
    for arguments in ((), ("latest", "--all")):
        with pytest.raises(WrongUsage, match="Name one session, or say --all"):
            run("cleanup_checkpoints", *arguments)


def test_cleanup_says_in_a_line_what_it_did() -> None:
    session = sound_session()

    printed = run("cleanup_checkpoints", "latest")

    assert printed.out == f"Session {session.pk}: 0 checkpoints were deleted.\n"
