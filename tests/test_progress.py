"""The published objects of status, session and worker."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.models import ProcessingSession, Worker
from processing.progress import iso, session_of, sessions_of, status_of, workers_of
from processing.states import Hold, Stage, Verdict
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal


def fresh(session: ProcessingSession) -> ProcessingSession:
    """Read a session as a command does."""
    return ProcessingSession.objects.get(pk=session.pk)


@pytest.mark.django_db
def test_status_has_the_published_keys_in_their_order() -> None:
    session = make_session(
        total=10, processed=4, approved=1, rejected=1, unreadable=1, quarantined=1, skipped_count=3
    )

    assert list(status_of(session).items()) == [
        ("session", str(session.pk)),
        ("status", "running"),
        ("processed", 4),
        ("total", 10),
        ("approved", 1),
        ("rejected", 1),
        ("failed", 2),
        ("skipped", 3),
        ("rate_per_s", None),
        ("eta_s", None),
    ]


@pytest.mark.django_db
def test_status_counts_open_batches_beside_the_finished_ones() -> None:
    session = make_session(total=8, processed=1, approved=1)
    for verdict in Verdict:
        batch = make_batch(session=session, photos_count=2, worker=make_worker())
        batch.commit(make_results(batch=batch, photos_count=1, verdict=verdict), no_seal)

    status = status_of(fresh(session))

    assert [status[key] for key in ("processed", "approved", "rejected", "failed")] == [5, 2, 1, 2]


@pytest.mark.django_db
def test_status_sums_the_pace_of_living_workers_in_the_sessions_lanes() -> None:
    session = make_session(total=100, processed=40, approved=40)
    parent = make_worker()
    for rate, columns in (
        (2.0, {"lane_session": session}),
        (0.5, {"lane_session": session}),
        (None, {"lane_session": session}),
        (9.0, {"lane_session": session, "ended_at": "2026-01-01T00:00:00Z"}),
        (9.0, {"lane_session": make_session()}),
        (9.0, {}),
    ):
        make_worker(parent=parent, telemetry={"rate_per_s": rate}, **columns)

    status = status_of(session)

    assert (status["rate_per_s"], status["eta_s"]) == (2.5, 24.0)


@pytest.mark.django_db
@pytest.mark.parametrize(("hold", "rate"), [(Hold.NONE, 2.0), (Hold.PAUSED, None), (Hold.FAILED, None)])
def test_status_says_no_pace_when_the_session_is_held(hold: Hold, rate: float | None) -> None:
    session = make_session(total=100, hold=hold)
    make_worker(parent=make_worker(), lane_session=session, telemetry={"rate_per_s": 2.0})

    assert status_of(session)["rate_per_s"] == rate


@pytest.mark.django_db
def test_status_says_no_remaining_time_while_the_total_is_unknown() -> None:
    session = make_session(stage=Stage.SCANNING)
    make_worker(parent=make_worker(), lane_session=session, telemetry={"rate_per_s": 2.0})

    status = status_of(session)

    assert (status["total"], status["rate_per_s"], status["eta_s"]) == (None, 2.0, None)


@pytest.mark.django_db
def test_session_adds_its_name_source_preset_and_birth() -> None:
    session = make_session(created_at="2026-01-02T03:04:05Z")

    added = {key: value for key, value in session_of(session).items() if key not in status_of(session)}

    assert added == {
        "name": "Holiday",
        "source": "/photos",
        "preset": "Adobe Stock",
        "created_at": "2026-01-02T03:04:05Z",
    }


@pytest.mark.django_db
def test_list_of_sessions_asks_the_same_queries_for_one_and_for_three() -> None:
    sessions = [make_session() for _ in range(3)]
    counts = []

    for chosen in (sessions[:1], sessions):
        with CaptureQueriesContext(connection) as queries:
            sessions_of(chosen)
        counts.append(len(queries))

    assert counts == [2, 2]


@pytest.mark.django_db
def test_workers_are_the_living_laborers_in_a_lane_of_the_session() -> None:
    session = make_session()
    parent = make_worker(lane_session=session)
    worker = make_worker(
        parent=parent, lane_session=session, device="cpu", telemetry={"photo": "a/b.jpg", "rate_per_s": 1.0}
    )
    make_worker(parent=parent, lane_session=session, ended_at="2026-01-01T00:00:00Z")
    make_worker(parent=parent)

    workers = workers_of(session)

    ages = [worker.pop("heartbeat_age_s") for worker in workers]
    assert workers == [
        {"worker": worker.token, "host": "atelier", "pid": worker.pid, "device": "cpu", "photo": "a/b.jpg"}
    ]
    assert 0 <= ages[0] < 60


@pytest.mark.django_db
def test_heartbeat_age_is_measured_by_the_databases_clock() -> None:
    session = make_session()
    worker = make_worker(parent=make_worker(), lane_session=session)
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=worker.heartbeat_at - timedelta(seconds=100))

    ages = [worker["heartbeat_age_s"] for worker in workers_of(session)]

    assert 100 <= ages[0] < 160


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (None, None),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:04:05.000060Z",
        ),
    ],
)
def test_instant_is_written_in_utc(instant: datetime | None, text: str | None) -> None:
    assert iso(instant) == text
