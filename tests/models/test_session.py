"""A session's steps, its stage, its name and what its row refuses."""

from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from processing.models import Batch, ProcessingSession, SessionNotFound, StepRefused, Worker
from processing.states import BatchKind, BatchStatus, Hold, Stage
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db
FIRST = UUID("abcd1234-0000-4000-8000-000000000001")
SECOND = UUID("abcd1299-0000-4000-8000-000000000002")
COLUMNS = {
    "name": "Holiday",
    "source": "/photos",
    "source_path": b"/photos",
    "preset_name": "Adobe Stock",
    "preset": {},
    "batch_size": 4,
    "checkpoint_interval": 2,
}


def named(name: str) -> ProcessingSession:
    """Find a session as a command does."""
    return ProcessingSession.objects.named(name)


def test_start_makes_the_session_with_its_scan_batch_and_its_parent() -> None:
    parents: list[Worker] = []

    def register(session: ProcessingSession) -> Worker:
        parents.append(make_worker(serves=session))
        return parents[0]

    session = ProcessingSession.start(register=register, **COLUMNS)

    assert (session.stage, session.hold, session.total) == (Stage.SCANNING, Hold.NONE, None)
    assert Batch.objects.values_list("session", "number", "kind", "status").get() == (
        session.pk,
        0,
        BatchKind.SCAN,
        BatchStatus.QUEUED,
    )
    assert Worker.objects.get().serves == session


def test_start_makes_nothing_when_the_parent_cannot_register() -> None:
    def register(session: ProcessingSession) -> Worker:
        raise OSError("no recorder")

    with pytest.raises(OSError, match="no recorder"):
        ProcessingSession.start(register=register, **COLUMNS)

    assert (ProcessingSession.objects.count(), Batch.objects.count()) == (0, 0)


def test_pause_keeps_who_and_why_until_the_session_goes_on() -> None:
    session = make_session()

    session.pause(by="ada", why="lunch")
    paused = (session.hold, session.hold_by, session.hold_why, session.attempt)
    session.resume()

    assert paused == (Hold.PAUSED, "ada", "lunch", 0)
    assert (session.hold, session.hold_by, session.hold_why, session.attempt) == (Hold.NONE, "", "", 1)


def test_cancel_beats_every_other_step() -> None:
    session = make_session()
    session.cancel(by="ada", why="wrong folder")
    refused = []

    for step in (session.pause, session.resume, session.latch, session.recover, session.cancel):
        with pytest.raises(StepRefused) as refusal:
            step()
        refused.append(refusal.value.step)

    assert refused == ["pause", "resume", "latch", "recover", "cancel"]
    assert (session.hold, session.hold_by, session.ended_at is not None) == (Hold.CANCELLED, "ada", True)


def test_cancel_clears_the_latch() -> None:
    session = make_session(crashed_at=Now())

    session.cancel()

    assert (session.hold, session.crashed_at) == (Hold.CANCELLED, None)


def test_complete_counts_compares_reasons_and_clears_a_pause() -> None:
    session = make_session(
        stage=Stage.COMPARING,
        hold=Hold.PAUSED,
        hold_by="ada",
        hold_why="lunch",
        total=5,
        processed=5,
        approved=4,
        rejected=1,
        reason_counts={"noise": 1, "similar": 1},
    )

    session.complete({"similar": 2, "duplicate": 1})

    assert (session.stage, session.hold, session.hold_by, session.hold_why) == (
        Stage.COMPLETED,
        Hold.NONE,
        "",
        "",
    )
    counts = session.counts()
    assert (counts["processed"], counts["approved"], counts["rejected"]) == (5, 4, 1)
    assert session.reason_counts == {"noise": 1, "similar": 3, "duplicate": 1}
    assert session.ended_at is not None


@pytest.mark.parametrize(
    "columns",
    [{"hold": Hold.FAILED}, {"hold": Hold.PAUSED}, {"crashed_at": Now()}, {}],
    ids=["failed", "paused", "interrupted", "waiting"],
)
def test_recover_takes_all_leases_away_and_raises_the_attempt(columns: dict[str, object]) -> None:
    session = make_session(total=8, attempt=2, **columns)
    held = make_batch(session=session, worker=make_worker(), lease=3)
    waiting = make_batch(session=session, lease=1)
    other = make_batch(session=make_session(), worker=make_worker())

    session.recover()

    assert (session.hold, session.crashed_at, session.attempt) == (Hold.NONE, None, 3)
    assert Batch.objects.values_list("status", "worker", "lease").get(pk=held.pk) == ("queued", None, 4)
    assert Batch.objects.values_list("status", "worker", "lease").get(pk=waiting.pk) == ("queued", None, 1)
    assert Batch.objects.values_list("status", "lease").get(pk=other.pk) == ("leased", 1)


def test_recover_changes_nothing_when_the_session_is_cancelled() -> None:
    session = make_session(hold=Hold.CANCELLED)
    batch = make_batch(session=session, worker=make_worker())

    with pytest.raises(StepRefused):
        session.recover()

    assert Batch.objects.values_list("status", "lease").get(pk=batch.pk) == ("leased", 1)


def test_recover_moves_the_stage_that_a_failure_held_back() -> None:
    session = make_session(total=2, hold=Hold.FAILED)
    batch = make_batch(session=session, photos_count=2, worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    session.recover()

    assert (session.stage, session.hold) == (Stage.COMPARING, Hold.NONE)


def test_advance_ends_the_scan_with_the_number_of_photos_listed() -> None:
    session = make_session(stage=Stage.SCANNING, found_count=4)
    make_batch(session=session, kind=BatchKind.SCAN, status=BatchStatus.DONE)
    make_batch(session=session)

    session.advance()

    assert (session.stage, session.total) == (Stage.RUNNING, 4)


@pytest.mark.parametrize("status", [BatchStatus.QUEUED, BatchStatus.LEASED])
@pytest.mark.parametrize(
    ("stage", "kind"), [(Stage.SCANNING, BatchKind.SCAN), (Stage.RUNNING, BatchKind.PHOTOS)]
)
def test_advance_waits_when_a_batch_of_the_stage_is_unfinished(
    stage: Stage, kind: BatchKind, status: BatchStatus
) -> None:
    session = make_session(stage=stage)
    make_batch(session=session, kind=kind, status=BatchStatus.DONE)
    make_batch(session=session, kind=kind, worker=make_worker() if status == BatchStatus.LEASED else None)

    session.advance()

    assert session.stage == stage
    assert Batch.objects.filter(kind=BatchKind.COMPARE).count() == 0


def test_advance_changes_nothing_more_when_it_is_asked_again() -> None:
    session = make_session()
    make_batch(session=session, status=BatchStatus.DONE)

    for _ in range(3):
        session.advance()

    assert session.stage == Stage.COMPARING
    assert list(Batch.objects.filter(kind=BatchKind.COMPARE).values_list("number", flat=True)) == [1]


def test_sessions_are_found_by_the_state_they_are_in() -> None:
    columns: dict[str, dict[str, object]] = {
        "running": {},
        "begun": {"started_at": Now()},
        "paused": {"hold": Hold.PAUSED},
        "failed": {"hold": Hold.FAILED},
        "cancelled": {"hold": Hold.CANCELLED},
        "interrupted": {"crashed_at": Now()},
        "completed": {"stage": Stage.COMPLETED},
    }
    for name, values in columns.items():
        make_session(name=name, **values)
    sessions = ProcessingSession.objects.order_by("name")

    found = [
        [session.name for session in chosen]
        for chosen in (sessions.unfinished(), sessions.workable(), sessions.begun(), sessions.interrupted())
    ]

    assert found == [
        ["begun", "failed", "interrupted", "paused", "running"],
        ["begun", "running"],
        ["begun"],
        ["interrupted"],
    ]


@pytest.mark.parametrize("name", [str(FIRST), FIRST.hex, "abcd1234", "ABCD1234-0000", "abcd123"])
def test_named_finds_a_session_by_its_id_or_a_unique_prefix(name: str) -> None:
    session = make_session(pk=FIRST)
    make_session(pk=SECOND)

    assert named(name) == session


def test_named_finds_the_newest_session_by_the_word_latest() -> None:
    make_session(created_at="2026-01-01T00:00:00Z")
    newest = make_session(created_at="2026-01-03T00:00:00Z")
    make_session(created_at="2026-01-02T00:00:00Z")

    assert named("latest") == newest


def test_named_refuses_latest_when_there_is_no_session() -> None:
    with pytest.raises(
        SessionNotFound, match=r"^There is no session 'latest'\. `manage\.py sessions` lists them\.$"
    ):
        named("latest")


def test_named_refuses_a_prefix_of_two_sessions() -> None:
    make_session(pk=FIRST)
    make_session(pk=SECOND)

    with pytest.raises(
        SessionNotFound, match=r"^More than one session begins with 'abcd12'\. Give more of its id\.$"
    ):
        named("abcd12")


def test_named_refuses_an_id_that_nobody_has() -> None:
    make_session(pk=FIRST)

    with pytest.raises(SessionNotFound, match=r"^There is no session 'abcd1299'"):
        named("abcd1299")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "abc",
        "Latest",
        "holiday",
        "' OR 1=1 --",
        "abcd%",
        "abcd\x00",
        "٠١٢٣٤",
        FIRST.hex + "0",
        "🦆🦆🦆🦆",
        "\udcff\udcff\udcff\udcff",
    ],
)
def test_named_refuses_what_is_no_id(name: str) -> None:
    make_session(pk=FIRST)

    with pytest.raises(SessionNotFound, match=r"is not a session's id\. Give at least its first 4 digits"):
        named(name)


@pytest.mark.parametrize("name", ["a" * 1_000_000, "abcd" + "-" * 1_000_000], ids=["digits", "dashes"])
def test_named_answers_with_a_short_sentence_when_the_text_is_huge(name: str) -> None:
    with pytest.raises(SessionNotFound) as refusal:
        named(name)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("session_stage_is_known", {"stage": "lunch"}),
        ("session_hold_is_known", {"hold": "lunch"}),
        ("session_counts_add_up", {"processed": 1}),
        ("session_counts_add_up", {"approved": 1}),
        ("completed_session_is_not_held", {"stage": Stage.COMPLETED, "hold": Hold.PAUSED}),
        ("completed_session_is_not_held", {"stage": Stage.COMPLETED, "crashed_at": Now()}),
        ("scanned_session_has_total", {"total": None}),
        ("session_sizes_are_positive", {"batch_size": 0}),
        ("session_sizes_are_positive", {"checkpoint_interval": 0}),
        ("session_sizes_are_positive", {"lanes": 0}),
    ],
)
def test_session_constraint_refuses_what_its_sentence_forbids(name: str, columns: dict[str, object]) -> None:
    session = make_session()

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ProcessingSession.objects.filter(pk=session.pk).update(**columns)
