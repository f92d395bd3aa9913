"""What crashes and recoveries have cost, counted over evidence of every kind."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.states import Stage
from recovery import audit
from recovery.models import AuditEntry, Crash, CrashType, RecoveryAttempt
from recovery.statistics import Statistics, read_since, statistics_since
from tests.factories import make_batch, make_crash, make_result, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
NOTHING = Statistics(
    since=None,
    crashes=0,
    crashes_by_type={crash_type.value: 0 for crash_type in CrashType},
    recoveries=0,
    recoveries_by_outcome={"succeeded": 0, "open": 0, "fruitless": 0, "undone": 0},
    recoveries_succeeded=0,
    success_rate=None,
    rollbacks=0,
    time_lost_s=0.0,
    photos_redone=0,
    integrity_problems=0,
    repaired=0,
    checkpoint_cost_share=None,
)


def leased_session(photos_count: int = 8) -> tuple[ProcessingSession, Batch]:
    """Make a running session and its leased batch."""
    session = make_session(total=photos_count, found_count=photos_count)
    return session, make_batch(session=session, photos_count=photos_count, worker=make_worker())


def commit_at(batch: Batch, position: int, seconds: float, attempt: int) -> ImageResult:
    """Commit one photo under an attempt, as if at an instant after the start."""
    batch.attempt = attempt
    row = make_result(batch=batch, position=position)
    batch.commit([row], no_seal)
    ImageResult.objects.filter(pk=row.pk).update(created_at=START + timedelta(seconds=seconds))
    return row


def recover_after(last: ImageResult | None, session: ProcessingSession, number: int, **columns: Any) -> None:
    """Write down a recovery whose newest verdict before is this one."""
    before = None if last is None else ImageResult.objects.get(pk=last.pk)
    RecoveryAttempt.objects.create(
        session=session,
        number=number,
        option="continue",
        last_result=None if before is None else before.pk,
        last_commit_at=None if before is None else before.created_at,
        **columns,
    )


def outcomes() -> dict[str, int]:
    """Give the outcomes that came."""
    return {name: count for name, count in statistics_since().recoveries_by_outcome.items() if count}


def test_statistics_are_zero_or_unknown_when_nothing_has_happened() -> None:
    assert statistics_since() == NOTHING


def test_crashes_are_counted_by_type_with_the_verdicts_that_they_discarded() -> None:
    session, _ = leased_session()
    worker = make_worker()
    for crash_type, count in (("out_of_memory", 3), ("out_of_memory", 4), ("power_failure", 0)):
        make_crash(worker=worker, session=session, crash_type=crash_type, discarded_count=count)

    found = statistics_since()

    assert (found.crashes, found.photos_redone) == (3, 7)
    assert {name: n for name, n in found.crashes_by_type.items() if n} == {
        "out_of_memory": 2,
        "power_failure": 1,
    }


def test_recovery_succeeds_when_a_verdict_is_committed_after_it() -> None:
    session, batch = leased_session()
    before = commit_at(batch, 0, 10, attempt=0)
    recover_after(before, session, 1)
    commit_at(batch, 1, 25.5, attempt=1)
    commit_at(batch, 2, 60, attempt=1)

    found = statistics_since()

    assert (found.recoveries, found.recoveries_succeeded, found.success_rate) == (1, 1, 1.0)
    assert found.time_lost_s == 15.5


def test_recovery_is_fruitless_when_the_next_one_comes_before_any_verdict() -> None:
    session, batch = leased_session()
    before = commit_at(batch, 0, 10, attempt=0)
    recover_after(before, session, 1)
    recover_after(before, session, 2)
    commit_at(batch, 1, 40, attempt=2)

    found = statistics_since()

    assert outcomes() == {"fruitless": 1, "succeeded": 1}
    assert (found.success_rate, found.time_lost_s) == (0.5, 30.0)


def test_verdict_under_a_later_resume_counts_for_the_recovery_before_it() -> None:
    session, batch = leased_session()
    recover_after(commit_at(batch, 0, 10, attempt=0), session, 1)
    last = commit_at(batch, 1, 20, attempt=2)
    recover_after(last, session, 3)

    assert outcomes() == {"succeeded": 1, "open": 1}


def test_recovery_without_a_verdict_before_it_succeeds_but_has_lost_no_known_time() -> None:
    session, batch = leased_session()
    recover_after(None, session, 1)
    commit_at(batch, 0, 20, attempt=1)

    found = statistics_since()

    assert (found.recoveries_succeeded, found.time_lost_s) == (1, 0.0)


def test_recovery_succeeds_without_a_verdict_when_its_session_completed() -> None:
    session, batch = leased_session()
    recover_after(commit_at(batch, 0, 10, attempt=0), session, 1)
    before = outcomes()
    ProcessingSession.objects.filter(pk=session.pk).update(stage=Stage.COMPLETED)

    assert (before, outcomes()) == ({"open": 1}, {"succeeded": 1})


def test_undone_recoveries_are_no_success_and_one_undo_is_one_rollback() -> None:
    session, batch = leased_session()
    last = commit_at(batch, 0, 10, attempt=0)
    for number in (1, 2, 3):
        recover_after(last, session, number, preview={"redo": 5})
        last = commit_at(batch, number, 10 + number, attempt=number)
    RecoveryAttempt.objects.filter(number__gte=2).update(undone_at=START)

    found = statistics_since()

    assert outcomes() == {"succeeded": 1, "undone": 2}
    assert (found.rollbacks, found.photos_redone, found.time_lost_s) == (1, 5, 3.0)


def test_verdicts_of_other_sessions_count_for_no_recovery() -> None:
    session, batch = leased_session()
    recover_after(commit_at(batch, 0, 10, attempt=0), session, 1)
    _, other = leased_session()
    commit_at(other, 0, 20, attempt=1)

    assert outcomes() == {"open": 1}


def test_time_lost_is_never_negative_when_the_clock_went_back() -> None:
    session, batch = leased_session()
    recover_after(commit_at(batch, 0, 100, attempt=0), session, 1)
    commit_at(batch, 1, 40, attempt=1)

    assert statistics_since().time_lost_s == 0.0


def test_repairs_are_counted_by_the_problems_that_they_found_and_left() -> None:
    with transaction.atomic():
        for found, left in (({"counters": 2, "gap": 1}, 1), ({}, 0)):
            audit.record("repair", actor="ada", details={"found": found, "left": left})
        audit.record(
            "repair", actor="ada", outcome="refused: no", details={"found": {"counters": 9}, "left": 9}
        )
        audit.record("cleanup", actor="ada", details={"found": {"counters": 9}, "left": 9})

    found_all = statistics_since()

    assert (found_all.integrity_problems, found_all.repaired) == (3, 2)


def test_checkpoint_cost_is_the_share_of_commits_in_the_work_of_all_workers() -> None:
    parent = make_worker(telemetry={"commit_s": 900.0, "worked_s": 1.0})
    make_worker(parent=parent, telemetry={"commit_s": 1.0, "worked_s": 10.0})
    make_worker(parent=parent, telemetry={"commit_s": 2.0, "worked_s": 20.0})
    make_worker(parent=parent)

    assert statistics_since().checkpoint_cost_share == 0.1


def test_statistics_leave_out_what_was_before_the_instant() -> None:
    session, batch = leased_session()
    worker = make_worker(parent=make_worker(), telemetry={"commit_s": 1.0, "worked_s": 2.0})
    make_crash(worker=worker, session=session, discarded_count=3)
    recover_after(
        commit_at(batch, 0, 10, attempt=0), session, 1, undone_at=timezone.now(), preview={"redo": 4}
    )
    with transaction.atomic():
        audit.record("repair", actor="ada", details={"found": {"gap": 1}, "left": 0})
    since = timezone.now() - timedelta(days=1)
    within = statistics_since(since)
    day = timedelta(days=2)

    Crash.objects.update(detected_at=F("detected_at") - day)
    RecoveryAttempt.objects.update(created_at=F("created_at") - day, undone_at=F("undone_at") - day)
    Worker.objects.update(heartbeat_at=F("heartbeat_at") - day)
    late = timezone.now() + timedelta(seconds=1)

    assert (within.crashes, within.recoveries, within.rollbacks, within.integrity_problems) == (1, 1, 1, 1)
    assert within.checkpoint_cost_share == 0.5
    assert statistics_since(late) == Statistics(**(as_columns(NOTHING) | {"since": late}))
    assert (statistics_since(since).crashes, AuditEntry.objects.count()) == (0, 1)


def as_columns(found: Statistics) -> dict[str, Any]:
    """Give the columns of statistics."""
    return {name: getattr(found, name) for name in Statistics.__dataclass_fields__}


@pytest.mark.parametrize("count", [1, 4])
def test_statistics_ask_five_questions_however_many_recoveries_there_are(count: int) -> None:
    for _ in range(count):
        session, batch = leased_session()
        last = commit_at(batch, 0, 10, attempt=0)
        recover_after(last, session, 1)
        recover_after(last, session, 2)

    with CaptureQueriesContext(connection) as captured:
        statistics_since()

    asked = [query["sql"] for query in captured.captured_queries if "SELECT" in query["sql"]]
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * 86400), ("12h", 12 * 3600), ("45m", 45 * 60), (" 1d ", 86400), ("0m", 0)],
)
def test_since_reads_a_span_before_now(text: str, seconds: int) -> None:
    before = timezone.now()

    instant = read_since(text)

    assert before - timedelta(seconds=seconds) <= instant <= timezone.now() - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01", START),
        ("2026-11-01T00:00:00Z", START),
        ("2026-11-01T01:00:00+01:00", START),
        ("2026-11-01 00:00", START),
    ],
)
def test_since_reads_iso_dates_and_instants(text: str, instant: datetime) -> None:
    assert read_since(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "30",
        "30w",
        "-1d",
        "1.5d",
        "999999d",
        "2026-13-01",
        "yesterday",
        "٣d",
        "0001-01-01T00:00+14:00",
    ],
)
def test_since_refuses_anything_else_with_a_sentence(text: str) -> None:
    with pytest.raises(
        ValueError, match="is no time to begin at: give 30d, 12h or 45m, or a date like 2026-11-01"
    ):
        read_since(text)
