"""Changing keys: all that an older key has signed comes under the first one, and what does not hold is left."""

from pathlib import Path

import pytest
from pytest_django import Settings

from processing import keys
from processing.models import Batch, ImageResult, ProcessingSession
from recovery import checkpoints, seal
from recovery.chain import missing_checkpoints
from recovery.integrity import verify
from recovery.models import AuditEntry, Checkpoint, RecoveryAttempt
from recovery.resume import execute_recovery
from recovery.rotation import Rotation
from recovery.undo import rollback_recovery
from tests.commands.running import run
from tests.factories import make_results, make_worker
from tests.recovery.sound import commit, sound_session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _old(settings: Settings) -> None:
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["old"]


def full_session(**columns: object) -> ProcessingSession:
    """Make a session with everything that is signed: finished and open batches, checkpoints of all types."""
    session = sound_session(done=2, photos_count=6, begun=1, **columns)
    batch = Batch.objects.get(session=session, number=2)
    for _ in range(2):
        commit(batch, 1)
    for kind in ("manual", "emergency", "manual"):
        Checkpoint.objects.create_session_checkpoint(session, kind, force=True)
    session.refresh_from_db()
    return session


def rotate() -> Rotation:
    rotation = Rotation()
    for _ in rotation.run():
        pass
    return rotation


def findings(session: ProcessingSession) -> list[str]:
    session.refresh_from_db()
    return [one.text for one in verify(session) if not one.code.startswith("source")]


def test_everything_holds_under_the_new_key_alone(settings: Settings) -> None:
    session = full_session()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    rotation = rotate()

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    rows = Checkpoint.objects.filter(session=session)
    assert rotation.left == []
    assert (rotation.results, rotation.batches, rotation.checkpoints) == (15, 3, rows.count())
    assert (findings(session), missing_checkpoints(session)) == ([], [])
    assert [seal.problem_of(row) for row in rows] == [None] * rows.count()
    assert session.has_authentic_ledger()


def test_second_rotation_changes_nothing(settings: Settings) -> None:
    full_session()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    rotate()
    before = list(Checkpoint.objects.order_by("pk").values())

    rotation = rotate()

    assert rotation.counts() == {"results": 0, "batches": 0, "checkpoints": 0, "sessions": 0}
    assert list(Checkpoint.objects.order_by("pk").values()) == before


def test_everything_holds_while_a_rotation_is_stopped_half_way_and_it_goes_on_later(
    settings: Settings,
) -> None:
    sessions = [full_session(), full_session()]
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    first = Rotation()
    next(first.run())
    half = [findings(session) for session in sessions]

    rest = rotate()

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    assert half == [[], []]
    assert (first.results, rest.results) == (15, 15)
    assert [findings(session) for session in sessions] == [[], []]


def test_everything_holds_after_each_batch_that_was_rotated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = full_session()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    seen = []
    page = Rotation._page

    def look(self: Rotation, session_id: object, after: int) -> list[int]:
        seen.append((findings(session), missing_checkpoints(session)))
        return page(self, session_id, after)[:1]

    monkeypatch.setattr(Rotation, "_page", look)

    rotate()

    assert seen == [([], [])] * 4


def test_worker_goes_on_with_its_batch_while_keys_are_rotated(settings: Settings) -> None:
    session = full_session()
    held = Batch.objects.get(session=session, number=2)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    held.commit(make_results(batch=held, photos_count=1), checkpoints.take)
    rotate()

    held.commit(make_results(batch=held, photos_count=2), checkpoints.take)

    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    assert (findings(session), missing_checkpoints(session)) == ([], [])


def test_recovery_is_undone_after_keys_were_rotated(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "unknown.jpg").write_bytes(b"")
    session = full_session(source=str(tmp_path), source_path=bytes(tmp_path))
    before = sorted(ImageResult.objects.live().values_list("pk", flat=True))
    execute_recovery(session, "fresh_start", user_confirmed=True, by="anna")
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    rotation = rotate()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new"]
    noted = RecoveryAttempt.objects.get()

    rollback_recovery(session, noted.number, by="anna")

    assert (rotation.left, keys.is_current(noted.aside_digest)) == ([], True)
    assert sorted(ImageResult.objects.live().values_list("pk", flat=True)) == before
    assert findings(session) == []


@pytest.mark.parametrize("is_rotated", [False, True], ids=["put first", "put first and rotated"])
@pytest.mark.parametrize("done", [0, 2], ids=["open batch", "finished ones too"])
def test_recovery_is_undone_and_its_note_holds_when_keys_were_changed_before_it(
    settings: Settings, tmp_path: Path, *, done: int, is_rotated: bool
) -> None:
    (tmp_path / "unknown.jpg").write_bytes(b"")
    session = sound_session(done=done, photos_count=4, source=str(tmp_path), source_path=bytes(tmp_path))
    before = sorted(ImageResult.objects.live().values_list("pk", flat=True))
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]
    execute_recovery(session, "fresh_start", user_confirmed=True, by="anna")
    left = rotate().left if is_rotated else []
    noted = findings(session)

    rollback_recovery(session, by="anna")

    assert (left, noted, findings(session)) == ([], [], [])
    assert sorted(ImageResult.objects.live().values_list("pk", flat=True)) == before


def test_row_that_was_changed_is_named_and_left_and_all_others_are_rotated(settings: Settings) -> None:
    session = full_session()
    row = ImageResult.objects.order_by("pk")[3]
    ImageResult.objects.filter(pk=row.pk).update(width_px=7)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    rotation = rotate()

    row.refresh_from_db()
    assert rotation.left == [f"Result {row.pk} of photo 3 is not as it was written."]
    assert (rotation.results, keys.is_current(row.mac)) == (14, False)
    assert findings(session) == [f"Result {row.pk} of photo 3 (000003.jpg) is not as it was written."]


@pytest.mark.parametrize("digest", ["gone", "of other rows"])
def test_batch_whose_digest_does_not_hold_is_named_and_left(settings: Settings, digest: str) -> None:
    session = full_session()
    batch = Batch.objects.filter(session=session, number=0)
    if digest == "gone":
        batch.update(digest=b"")
    else:
        ImageResult.objects.filter(batch=batch.get(), position=2).delete()
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    rotation = rotate()

    assert f"Batch 0 of session {session.pk}: its digest does not hold." in rotation.left
    assert not any(
        map(keys.is_current, ImageResult.objects.filter(batch=batch.get()).values_list("mac", flat=True))
    )
    assert findings(session) != []


def test_checkpoint_that_was_changed_is_named_and_left(settings: Settings) -> None:
    session = full_session()
    spoilt = Checkpoint.objects.filter(checkpoint_type="image").order_by("sequence")[1]
    Checkpoint.objects.filter(pk=spoilt.pk).update(last_result=1)
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    rotation = rotate()

    spoilt.refresh_from_db()
    assert rotation.left == [
        f"Checkpoint {spoilt.pk}: It is not as it was sealed: a column of it has changed."
    ]
    assert not keys.is_current(spoilt.seal)
    assert missing_checkpoints(session) == []


def test_sum_and_ledger_that_do_not_hold_are_named_and_left(settings: Settings) -> None:
    session = full_session()
    total = bytes(session.finished_sum[:-1]) + bytes([session.finished_sum[-1] ^ 1])
    ProcessingSession.objects.filter(pk=session.pk).update(finished_sum=total, ledger={"head": ""})
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    rotation = rotate()

    assert rotation.left == [
        f"Session {session.pk}: the list of its checkpoints was changed.",
        f"Session {session.pk}: the sum of its finished batches does not hold.",
    ]
    session.refresh_from_db()
    assert not session.has_authentic_ledger()


def test_command_says_what_it_did_and_which_old_keys_are_still_needed(settings: Settings) -> None:
    full_session()
    run("checkpoint", "latest")
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old", "older"]

    printed = run("rotate_keys", "--json")

    old, older = (keys.id_of(secret).hex() for secret in ("old", "older"))
    taken = Checkpoint.objects.count()
    assert printed.objects == [
        {
            "type": "rotation",
            "results": 15,
            "batches": 3,
            "checkpoints": taken,
            "sessions": 1,
            "left": 0,
            "old_keys_needed_by": {old: ["audit entries"], older: []},
        }
    ]
    entries = AuditEntry.objects.filter(action="rotate_keys").order_by("number")
    assert [entry.details["phase"] for entry in entries] == ["begun", "ended"]


def test_command_ends_with_the_code_of_failed_integrity_when_something_was_left(settings: Settings) -> None:
    full_session()
    ImageResult.objects.filter(position=3).update(note="changed")
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    with pytest.raises(SystemExit) as ended:
        run("rotate_keys")

    assert ended.value.code == 6


def test_rotation_is_refused_while_a_process_signs_with_another_key(settings: Settings) -> None:
    worker = make_worker(telemetry={"key_id": keys.id_of("old").hex()})
    settings.STOCKPROOF_CHECKPOINT_KEYS = ["new", "old"]

    with pytest.raises(Exception, match=f"Process {worker.pid} on atelier still signs with another key"):
        run("rotate_keys")
