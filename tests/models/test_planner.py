"""The indexes serve the queries: both planners say so with 200,000 results in the tables."""

import pytest

from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.states import BatchKind, Stage, Verdict
from processing.superseding import fence
from recovery.models import Checkpoint, CheckpointType
from tests.bulk import analyze, indexes_of, indexes_of_stream, instant_before_now, multiply, random_id
from tests.factories import make_result, make_session, make_worker

SESSIONS_COUNT = 5
BATCHES_COUNT = 1_000
PHOTOS_PER_BATCH = 50
RESULTS_COUNT = 40_000
OPEN_COUNT = 20
FINISHED_SESSIONS_COUNT = 3_000
CHECKPOINTS_COUNT = {CheckpointType.IMAGE: 7, CheckpointType.BATCH: 2_000}
ENDED_WORKERS_COUNT = 2_000


def fill_session(worker: Worker) -> ProcessingSession:
    """Store a running session: all but 20 batches are done, and of those half have some results."""
    session = make_session(total=BATCHES_COUNT * PHOTOS_PER_BATCH)
    done = f"n < {BATCHES_COUNT - OPEN_COUNT}"
    some = "n % 2 = 0"
    multiply(
        Batch(session=session, kind=BatchKind.PHOTOS, photos_count=PHOTOS_PER_BATCH, manifest={"photos": []}),
        count=BATCHES_COUNT,
        number="n",
        first_position=f"n * {PHOTOS_PER_BATCH}",
        status=f"CASE WHEN {done} THEN 'done' ELSE 'queued' END",
        processed=f"CASE WHEN {done} THEN {PHOTOS_PER_BATCH} WHEN {some} THEN 5 ELSE 0 END",
        approved=f"CASE WHEN {done} THEN {PHOTOS_PER_BATCH} WHEN {some} THEN 5 ELSE 0 END",
    )
    first = Batch.objects.filter(session=session).order_by("number").first()
    assert first is not None
    verdict = "CASE n % 500 WHEN 0 THEN 'quarantined' WHEN 1 THEN 'unreadable' ELSE 'approved' END"
    multiply(
        make_result(batch=first, position=0),
        count=RESULTS_COUNT,
        position="n",
        batch=f"{first.pk} + n / {PHOTOS_PER_BATCH}",
        verdict=verdict,
        decision=verdict,
    )
    for checkpoint_type, count in CHECKPOINTS_COUNT.items():
        multiply(
            Checkpoint(
                session=session,
                checkpoint_type=checkpoint_type,
                sequence=1,
                processed_count=0,
                session_state=b"-",
            ),
            count=count,
            id=random_id(),
            created_at=instant_before_now(),
        )
    return session


def fill_tables() -> ProcessingSession:
    """Store what a machine has gathered after a while; give one of the running sessions."""
    parent = make_worker()
    sessions = [fill_session(parent) for _ in range(SESSIONS_COUNT)]
    multiply(
        make_session(stage=Stage.COMPLETED),
        count=FINISHED_SESSIONS_COUNT,
        id=random_id(),
        created_at=instant_before_now(),
    )
    multiply(
        Worker(host="atelier", boot_id="boot", pid=1, parent=parent, ended_at="2026-01-01T00:00:00Z"),
        count=ENDED_WORKERS_COUNT,
        token="CAST(n AS text)",
    )
    for session in sessions:
        make_worker(parent=parent, lane_session=session)
    analyze()
    return sessions[2]


@pytest.mark.django_db
def test_indexes_serve_every_query_with_many_rows() -> None:
    session = fill_tables()
    live = ImageResult.objects.live().filter(session=session)
    batch = Batch.objects.takeable(session).first()
    assert batch is not None
    worker = make_worker()
    set_aside = live.filter(decision=Verdict.QUARANTINED, position__gt=20_000).in_order()

    used = {
        "first takeable batch": indexes_of(Batch.objects.takeable(session).first),
        "photos of a batch without a result": indexes_of(batch.missing),
        "count of photos": indexes_of(session.counts),
        "count of reasons": indexes_of(session.count_reasons),
        "batches with open results": indexes_of(lambda: list(Batch.objects.with_open_results(session.pk))),
        "leases of a session": indexes_of(lambda: fence(session)),
        "leases of a worker": indexes_of(lambda: list(Batch.objects.leased().filter(worker=worker))),
        "work left in the stage": indexes_of(session._is_ripe),
        "page of a decision": indexes_of(lambda: list(set_aside[:50])),
        "page of results": indexes_of(lambda: list(live.filter(position__gt=20_000).in_order()[:500])),
        "results as a stream": indexes_of_stream(live.in_order()),
        "newest checkpoints": indexes_of(lambda: list(Checkpoint.objects.newest_first(session)[:20])),
        "living workers of a host": indexes_of(lambda: list(Worker.objects.living().filter(host="atelier"))),
        "living workers in a lane": indexes_of(
            lambda: list(Worker.objects.living().filter(lane_session=session))
        ),
        "session by prefix": indexes_of(lambda: ProcessingSession.objects.named(str(session.pk)[:13])),
        "latest session": indexes_of(lambda: ProcessingSession.objects.named("latest")),
        "unfinished sessions": indexes_of(
            lambda: list(ProcessingSession.objects.unfinished().order_by("created_at", "pk"))
        ),
        "workable sessions": indexes_of(
            lambda: list(ProcessingSession.objects.workable().order_by("created_at", "pk"))
        ),
        "old image checkpoints": indexes_of(lambda: Checkpoint.objects.prune(session.pk)),
    }

    assert used == {
        "first takeable batch": {"queued_batch_by_number"},
        "photos of a batch without a result": {"one_live_result_per_photo"},
        "count of photos": {"primary key", "open_batch_with_results"},
        "count of reasons": {"primary key", "open_batch_with_results"},
        "batches with open results": {"open_batch_with_results"},
        "leases of a session": {"unfinished_batch_by_kind"},
        "leases of a worker": {"processing_batch_worker_id_d89cd7c3"},
        "work left in the stage": {"unfinished_batch_by_kind"},
        "page of a decision": {"live_result_by_decision"},
        "page of results": {"one_live_result_per_photo"},
        "results as a stream": {"one_live_result_per_photo"},
        "newest checkpoints": {"checkpoint_newest_first"},
        "living workers of a host": {"living_worker_by_host"},
        "living workers in a lane": {"living_worker_by_lane"},
        "session by prefix": {"primary key"},
        "latest session": {"session_newest_first"},
        "unfinished sessions": {"session_not_completed"},
        "workable sessions": {"session_not_completed"},
        "old image checkpoints": {"image_checkpoint_newest_first", "primary key"},
    }
