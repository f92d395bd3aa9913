"""`verify` finds what is not as it was written, looks again before it says so, and repairs what can be derived."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from processing.models import Batch, ImageResult, Override, ProcessingSession
from processing.states import BatchStatus, Hold, Stage
from recovery.audit import ActRefused
from recovery.integrity import Tally, verify
from recovery.models import AuditEntry, RecoveryAttempt
from recovery.resume import NotSafe, execute_recovery
from tests.factories import make_session
from tests.recovery.sound import (
    batches_of,
    commit,
    completed_session,
    copy_of,
    ended_worker,
    rows_of,
    second_results_allowed,
    sound_session,
    write_files,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source(tmp_path: Path) -> bytes:
    """A folder with the files of twelve photos."""
    return write_files(tmp_path / "photos", 12)


def codes_of(session: ProcessingSession, **options: Any) -> list[str]:
    """Verify; give the words of what was found."""
    return [finding.code for finding in verify(session, **options)]


def counters_of(session: ProcessingSession) -> tuple[Any, ...]:
    """Give all that counts in a session, as it is stored."""
    columns = ("processed", "approved", "rejected", "unreadable", "reason_counts", "shift", "stage")
    return ProcessingSession.objects.values_list(*columns).get(pk=session.pk)


def test_sound_sessions_are_safe(source: bytes, tmp_path: Path) -> None:
    running = sound_session(source_path=source)
    completed = completed_session(source_path=write_files(tmp_path / "others", 8))
    tally = Tally()

    found = [list(verify(session, tally=tally)) for session in (running, completed)]

    assert found == [[], []]
    assert (tally.results, tally.findings, tally.verdict, tally.is_safe_now) == (18, 0, "safe", True)


def test_session_without_photos_is_safe(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    session = make_session(stage=Stage.SCANNING, source_path=os.fsencode(tmp_path))

    assert codes_of(session) == []


def test_changed_result_makes_a_session_unsafe_and_repair_leaves_it_alone(source: bytes) -> None:
    session = sound_session(source_path=source)
    ImageResult.objects.filter(session=session, position=0).update(verdict="rejected", decision="rejected")
    before, tally = counters_of(session), Tally()

    found = codes_of(session, repair=True, tally=tally)

    assert found == ["result_changed", "counters"]
    assert (tally.verdict, tally.is_safe_now, tally.repaired) == ("unsafe", False, 0)
    assert counters_of(session) == before
    assert AuditEntry.objects.count() == 0


def test_wrong_numbers_are_repaired_in_one_audited_act(source: bytes) -> None:
    session = sound_session(source_path=source)
    before = counters_of(session)
    Batch.objects.filter(session=session, number=1).update(approved=0, rejected=F("rejected") + 2)
    ProcessingSession.objects.filter(pk=session.pk).update(
        approved=1, rejected=5, reason_counts={}, shift={"approved": 1}, finished_sum=b""
    )
    tally = Tally()

    found = codes_of(session, repair=True, actor="ada", tally=tally)

    assert found == ["counters", "session_counters", "session_reasons", "sum", "shift"]
    assert (tally.verdict, tally.repaired, tally.is_safe_now) == ("safe_after_repair", 5, True)
    assert (codes_of(session), counters_of(session)) == ([], before)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.session, entry.outcome) == ("repair", "ada", session.pk, "done")
    assert entry.details == {"found": dict.fromkeys(found, 1), "left": 0}


def test_nothing_is_repaired_unasked(source: bytes) -> None:
    session = sound_session(source_path=source)
    ProcessingSession.objects.filter(pk=session.pk).update(shift={"approved": 1})
    tally = Tally()

    found = codes_of(session, tally=tally)

    assert (found, tally.verdict, tally.is_safe_now) == (["shift"], "safe_after_repair", False)
    assert ProcessingSession.objects.get(pk=session.pk).shift == {"approved": 1}


def test_second_live_result_is_put_aside_for_good_where_the_digest_decides(source: bytes) -> None:
    session = sound_session(source_path=source)
    with second_results_allowed():
        second = copy_of(rows_of(batches_of(session)[0])[0])

        found = codes_of(session, repair=True)

        second.refresh_from_db()
        assert (found, second.superseded_by) == (["duplicate"], 0)
        assert codes_of(session) == []


def test_recovery_signs_no_second_live_result(source: bytes) -> None:
    session = sound_session(source_path=source)
    with second_results_allowed():
        copy_of(rows_of(batches_of(session)[-1])[0])
        session.pause()

        with pytest.raises(NotSafe):
            execute_recovery(session, "continue")

        assert RecoveryAttempt.objects.count() == 0


def test_orphaned_lease_is_taken_away(source: bytes) -> None:
    session = sound_session(source_path=source)
    batch = batches_of(session)[-1]
    Batch.objects.filter(pk=batch.pk).update(worker=ended_worker())

    found = codes_of(session, repair=True)

    batch.refresh_from_db()
    assert found == ["lease"]
    assert (batch.status, batch.worker, batch.lease, batch.processed) == (BatchStatus.QUEUED, None, 2, 2)


@pytest.mark.parametrize("said", ["approved", ""])
def test_decision_is_the_persons_else_compares_else_the_measured_one(source: bytes, said: str) -> None:
    session = completed_session(source_path=source)
    row = ImageResult.objects.get(session=session, position=2)
    Override.objects.create(session=session, position=2, content=row.content, old="rejected", new=said)
    ImageResult.objects.filter(pk=row.pk).update(decision=said or "unreadable")
    due = said or "rejected"

    found = codes_of(session, repair=True)

    assert found == (["shift"] if said else ["decision", "shift"])
    assert ImageResult.objects.get(pk=row.pk).decision == due
    assert codes_of(session) == []


def test_persons_verdict_on_another_content_does_not_count(source: bytes) -> None:
    session = sound_session(source_path=source)
    Override.objects.create(session=session, position=0, content="other", old="approved", new="rejected")

    assert codes_of(session) == []


def test_photo_without_result_in_a_finished_batch_is_queued_again(source: bytes) -> None:
    session = completed_session(source_path=source)
    batch = batches_of(session)[0]
    without_last(batch)

    found = codes_of(session, repair=True)

    session.refresh_from_db()
    batch.refresh_from_db()
    assert "gap" in found
    assert (batch.status, batch.processed, session.stage, session.processed) == ("queued", 3, "running", 4)
    assert codes_of(session) == []


def without_last(batch: Batch) -> None:
    """Let a finished batch have committed all but its last photo."""
    columns = {field.attname: getattr(batch, field.attname) for field in batch._meta.concrete_fields}
    batch.results.all().delete()
    nothing = dict.fromkeys(("processed", "approved", "rejected", "unreadable"), 0)
    Batch.objects.filter(pk=batch.pk).update(
        **nothing, reason_counts={}, digest=b"", status=BatchStatus.LEASED, worker=ended_worker()
    )
    batch.refresh_from_db()
    commit(batch, batch.photos_count - 1)
    Batch.objects.filter(pk=columns["id"]).update(status=BatchStatus.DONE, worker=None)


def test_cancelled_session_is_repaired_and_stays_cancelled(source: bytes) -> None:
    session = sound_session(source_path=source, hold=Hold.CANCELLED)
    ProcessingSession.objects.filter(pk=session.pk).update(stage=Stage.COMPARING)

    found = codes_of(session, repair=True)

    session.refresh_from_db()
    assert (found, session.hold) == (["gap"], Hold.CANCELLED)


def test_result_of_the_session_in_a_batch_of_another_is_named_by_both(source: bytes) -> None:
    session, other = sound_session(source_path=source), sound_session(source_path=source)
    ImageResult.objects.filter(session=session, position=0).update(batch=batches_of(other)[0])

    assert codes_of(session) == ["digest", "gap", "counters", "misplaced"]
    assert codes_of(other) == ["duplicate"]


def test_batch_that_is_gone_leaves_a_hole_in_the_list(source: bytes) -> None:
    session = sound_session(source_path=source)
    batches_of(session)[1].delete()

    found = codes_of(session)

    assert found[:4] == ["session_counters", "session_reasons", "sum", "manifest"]


def test_last_batch_that_is_gone_is_missed_by_the_session(source: bytes) -> None:
    session = sound_session(source_path=source)
    batches_of(session)[2].delete()

    assert codes_of(session) == ["manifest"]


def test_files_changed_gone_and_back_are_listed_and_do_no_harm(source: bytes) -> None:
    session = sound_session(source_path=source)
    folder = Path(os.fsdecode(source))
    (folder / "000000.jpg").write_bytes(b"other")
    (folder / "000001.jpg").unlink()
    os.utime(folder / "000002.jpg", ns=(0, 10**18))
    tally = Tally()

    found = [(one.code, one.repairable) for one in verify(session, tally=tally)]

    assert found == [("source_changed", False), ("source_gone", False), ("source_changed", False)]
    assert (tally.verdict, tally.findings, tally.is_safe_now) == ("safe", 3, True)


def test_source_that_is_gone_is_one_finding(tmp_path: Path) -> None:
    session = sound_session(source_path=os.fsencode(tmp_path / "nowhere"))
    tally = Tally()

    assert codes_of(session, tally=tally) == ["source_unreadable"]
    assert tally.is_safe_now


def test_repair_signs_nothing_when_a_result_was_changed_meanwhile(source: bytes) -> None:
    session = sound_session(source_path=source)
    Batch.objects.filter(session=session, number=1).update(reason_counts={})
    findings = verify(session, repair=True)
    first = next(findings)
    ImageResult.objects.filter(session=session, position=4).update(note="nice")

    with pytest.raises(ActRefused):
        list(findings)

    assert first.code == "reasons"
    assert Batch.objects.get(session=session, number=1).reason_counts == {}
    assert AuditEntry.objects.get().outcome.startswith("refused: Nothing was repaired")


@pytest.mark.parametrize("read", ["processing_imageresult", '"pk", "processing_batch"."digest"'])
def test_commit_between_two_reads_is_no_finding(source: bytes, read: str) -> None:
    session = sound_session(source_path=source)
    batch = batches_of(session)[-1]
    committed = []

    def commit_before(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if read in sql and not committed:
            committed.append(batch.pk)
            in_another_thread(lambda: commit(batch, 2))
        return execute(sql, *rest)

    with connection.execute_wrapper(commit_before):
        found = codes_of(session)

    assert (found, committed) == ([], [batch.pk])
    assert codes_of(session) == []


def in_another_thread(act: Callable[[], object]) -> None:
    """Do something on a connection of its own."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(act).result()
        threads.submit(lambda: connection.close()).result()  # Its own thread's connection.
