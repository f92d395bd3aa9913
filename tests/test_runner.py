"""A worker's time slice: chunks, checkpoints, counters, stops, and what an error of the environment does."""

import errno
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from processing import recorder, runner
from processing.models import Batch, ProcessingSession, Worker
from processing.models.commit import COUNTERS
from processing.proof import prove
from processing.runner import run_slice
from processing.states import BatchKind, BatchStatus, Status
from processing.worker import OUT_OF_MEMORY_EXIT
from recovery.chain import missing_checkpoints
from recovery.models import Checkpoint
from recovery.seal import problem_of
from tests.factories import make_worker
from tests.scans import Killed, start_session
from tests.slices import (
    at_each_read,
    live_rows,
    photo_batches,
    refuse_to_open,
    scanned_session,
    work_off,
    worker_slice,
    write_photos,
)

pytestmark = pytest.mark.django_db(transaction=True)

TIME_FIELDS = ("read_s", "decode_s", "measure_s", "commit_s", "wait_s")


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


def test_slice_takes_a_session_from_its_first_name_to_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = start_session(write_photos(tmp_path / "source", 4))

    with caplog.at_level(logging.INFO, "processing.runner"):
        work_off(session)

    assert (session.status, session.total, session.processed, session.approved) == (Status.COMPLETED, 4, 4, 4)
    assert photo_batches(session, "status", "processed", "sequence") == [("done", 3, 2), ("done", 1, 1)]
    assert prove(session).holds
    taken = Checkpoint.objects.filter(session=session).order_by("created_at", "processed_count")
    assert sorted(taken.values_list("current_batch", "checkpoint_type", "processed_count")) == [
        (1, "image", 2),
        (2, "milestone", 4),
        (3, "batch", 4),
    ]
    assert [problem_of(one) for one in taken] == [None] * 3
    assert missing_checkpoints(session) == []
    lines = [record for record in caplog.records if record.getMessage() == "batch worked off"]
    assert [(vars(line)["batch"], vars(line)["images_count"]) for line in lines] == [(1, 3), (2, 1)]
    assert all(isinstance(vars(line)[name], float) for line in lines for name in TIME_FIELDS)


def test_workers_row_tells_what_its_batches_and_their_commits_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = start_session(write_photos(tmp_path / "source", 4))

    with caplog.at_level(logging.INFO, "processing.runner"):
        work_off(session)

    lines = [vars(record) for record in caplog.records if record.getMessage() == "batch worked off"]
    telemetry = Worker.objects.laborers().get().telemetry
    assert telemetry["commit_s"] == pytest.approx(sum(line["commit_s"] for line in lines), abs=0.001)
    assert telemetry["worked_s"] == pytest.approx(sum(line["elapsed_s"] for line in lines), abs=0.05)


def test_slice_commits_what_was_analyzed_and_gives_the_batch_back_when_a_stop_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 4), batch_size=4)

    with worker_slice() as work:
        at_each_read(monkeypatch, lambda position: position == 2 and work.presence.draining.set())
        run_slice(session.pk, work)

    assert live_rows(session, "position") == [0, 1, 2]
    assert photo_batches(session, "status", "worker", "processed") == [("queued", None, 3)]
    work_off(session)
    assert (session.status, prove(session).holds) == (Status.COMPLETED, True)


def test_slice_stops_between_two_chunks_when_the_session_is_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 6), batch_size=6)
    at_each_read(monkeypatch, lambda position: position == 0 and session.pause())

    work_off(session)

    assert live_rows(session, "position") == [0, 1]
    assert photo_batches(session, "status", "worker") == [("queued", None)]


def test_slice_claims_no_further_batch_when_its_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 4), batch_size=2)

    with worker_slice() as work:
        at_each_read(monkeypatch, lambda _position: setattr(work, "deadline", 0.0))
        batches_count = run_slice(session.pk, work)
        work.presence.row.refresh_from_db()

    assert (batches_count, live_rows(session, "position")) == (1, [0, 1])
    assert work.presence.row.lane_session_id is None


def test_slice_does_nothing_when_its_worker_was_buried(tmp_path: Path) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 1))

    with worker_slice() as work:
        work.presence.row.end()
        batches_count = run_slice(session.pk, work)

    assert (batches_count, work.presence.buried.is_set(), live_rows(session, "position")) == (0, True, [])


def test_slice_drops_the_batch_when_its_lease_is_taken_away_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 3), batch_size=3)
    leases: list[int] = []

    def take_away(position: int) -> None:
        batch = Batch.objects.leased().get()
        leases.append(batch.lease)
        if position == 2 and batch.lease == 1:
            batch.take_away()

    at_each_read(monkeypatch, take_away)

    work_off(session)

    assert (session.status, prove(session).holds) == (Status.COMPLETED, True)
    assert (leases[-1], live_rows(session, "lease")[2]) == (3, 3)


def test_suspects_are_analyzed_alone_after_all_others_each_committed_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 6), batch_size=6, checkpoint_interval=6)
    entry = {"deaths": 1, "blamed": 1, "kills_alone": 0}
    Batch.objects.filter(kind=BatchKind.PHOTOS).update(suspects={"0": entry, "2": entry})
    seen: list[tuple[int, list[int], bool, list[int]]] = []

    with worker_slice(group_size=6) as work:
        flight = work.presence.recorder.flight
        at_each_read(
            monkeypatch,
            lambda position: seen.append(
                (position, flight["positions"], flight["alone"], live_rows(session, "position"))
            ),
        )
        run_slice(session.pk, work)

    others = [1, 3, 4, 5]
    assert seen[:4] == [(position, others, False, []) for position in others]
    assert seen[4:] == [(0, [0], True, others), (2, [2], True, [0, *others])]


def test_input_error_that_passes_never_becomes_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2))
    refuse_to_open(monkeypatch, "01.jpg", errno.EIO, 1)

    work_off(session)

    assert (session.status, live_rows(session, "verdict")) == (Status.COMPLETED, ["approved", "approved"])


def test_photo_has_no_time_limit_while_its_source_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 1))
    refuse_to_open(monkeypatch, "00.jpg", errno.EIO, 1)
    limits_s: list[float | None] = []

    with worker_slice() as work:
        presence = work.presence
        prepare = work.pipeline().prepare

        def prepare_timed(data: bytes) -> Any:
            limits_s.append(presence._limit_s)
            return prepare(data)

        monkeypatch.setattr(runner.time, "sleep", lambda _s: limits_s.append(presence._limit_s))
        monkeypatch.setattr(work.pipeline(), "prepare", prepare_timed)
        run_slice(session.pk, work)

    assert limits_s == [None, 30.0]


def test_input_error_stands_until_the_photo_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 1))
    refuse_to_open(monkeypatch, "00.jpg", errno.EIO, 2)
    words: list[bool] = []

    with worker_slice() as work:
        note_error, overcome = work.presence.recorder.note_error, work.presence.recorder.note_overcome
        read = lambda: recorder.read_flight(work.presence.recorder.token).error["stands"]  # noqa: E731
        monkeypatch.setattr(
            work.presence.recorder,
            "note_error",
            lambda error, **facts: (note_error(error, **facts), words.append(read())),
        )
        monkeypatch.setattr(
            work.presence.recorder, "note_overcome", lambda: (overcome(), words.append(read()))
        )
        run_slice(session.pk, work)

    assert words == [True, True, False]


def test_session_fails_with_a_sentence_and_goes_on_later_when_an_input_error_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SOURCE_TRIES_MAX", 2)
    session = scanned_session(write_photos(tmp_path / "source", 3), checkpoint_interval=1)
    refuse_to_open(monkeypatch, "01.jpg", errno.EIO, 2)

    with worker_slice() as work:
        run_slice(session.pk, work)
        limit_s = work.presence._limit_s
        error = recorder.read_flight(work.presence.recorder.token).error

    session.refresh_from_db()
    assert limit_s is None
    assert (error["errno"], error["stands"], error["fatal"]) == (errno.EIO, False, False)
    assert (session.status, live_rows(session, "position")) == (Status.FAILED, [0])
    assert session.last_error == (
        "01.jpg cannot be read: Input/output error. This is no fault of the photo: "
        "look at the disk, then recover the session."
    )
    assert photo_batches(session, "status", "worker") == [("queued", None)]
    session.recover()
    work_off(session)
    assert (session.status, prove(session).holds) == (Status.COMPLETED, True)


@pytest.mark.parametrize("is_scanned", [False, True], ids=["scan", "photos"])
def test_session_fails_and_goes_on_later_when_the_source_is_gone(tmp_path: Path, *, is_scanned: bool) -> None:
    source = write_photos(tmp_path / "source", 2)
    session = scanned_session(source) if is_scanned else start_session(source)
    source.rename(tmp_path / "elsewhere")

    work_off(session)

    assert session.status == Status.FAILED
    assert session.last_error == (
        f"The source {source} cannot be read: No such file or directory. "
        "Mount it or put it back, then recover the session."
    )
    shutil.move(tmp_path / "elsewhere", source)
    session.recover()
    work_off(session)
    assert (session.status, live_rows(session, "verdict")) == (Status.COMPLETED, ["approved", "approved"])


def test_nothing_is_in_flight_when_the_source_is_gone(tmp_path: Path) -> None:
    source = write_photos(tmp_path / "source", 2)
    session = scanned_session(source)
    source.rename(tmp_path / "elsewhere")

    with worker_slice() as work:
        run_slice(session.pk, work)
        flight = recorder.read_flight(work.presence.recorder.token)

    session.refresh_from_db()
    assert session.status == Status.FAILED
    assert (flight.phase, flight.positions, work.presence._limit_s) == ("landed", (), None)


def test_group_is_halved_when_memory_does_not_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 8), batch_size=8, checkpoint_interval=8)
    groups: list[int] = []

    with worker_slice(group_size=8) as work, caplog.at_level(logging.INFO, "processing.runner"):
        measure = work.pipeline().measure

        def measure_few(prepared: Any) -> Any:
            groups.append(len(prepared))
            if len(prepared) > 2:
                raise MemoryError
            return measure(prepared)

        monkeypatch.setattr(work.pipeline(), "measure", measure_few)
        run_slice(session.pk, work)
        flight = dict(work.presence.recorder.flight)

    assert (groups, work.pipeline().batch_size) == ([8, 4, 2, 2, 4, 2, 2], 2)
    assert live_rows(session, "position") == list(range(8))
    assert [vars(line)["images_count"] for line in caplog.records if "images_count" in vars(line)] == [8]
    assert (flight["phase"], flight["positions"]) == ("landed", [])


def test_process_ends_after_a_commit_when_memory_does_not_suffice_for_one_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 3), batch_size=3, checkpoint_interval=3)

    flight: dict[str, Any] = {}

    def end(code: int) -> None:
        flight.update(work.presence.recorder.flight)
        raise Killed(code)

    def exhaust(position: int) -> None:
        if position == 1:
            raise MemoryError

    monkeypatch.setattr(os, "_exit", end)
    at_each_read(monkeypatch, exhaust)

    with worker_slice() as work, pytest.raises(Killed, match=str(OUT_OF_MEMORY_EXIT)):
        run_slice(session.pk, work)

    assert live_rows(session, "position") == [0]
    assert (flight["phase"], flight["positions"]) == ("out_of_memory", [1])


def test_leftovers_of_a_slice_that_ended_in_an_error_are_given_back_at_the_next(tmp_path: Path) -> None:
    first = scanned_session(write_photos(tmp_path / "first", 1))
    second = scanned_session(write_photos(tmp_path / "second", 1))

    with worker_slice() as work:
        left = Batch.objects.claim(first.pk, work.presence.row)
        run_slice(second.pk, work)
        assert left is not None
        left.refresh_from_db()

    assert left.status == BatchStatus.QUEUED


def test_comparison_does_not_land_and_gives_its_batch_back_when_the_session_is_cancelled_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2))
    compare = runner.run_compare

    def cancel_first(batch: Batch, **options: Any) -> None:
        ProcessingSession.objects.get(pk=session.pk).cancel()
        compare(batch, **options)

    monkeypatch.setattr(runner, "run_compare", cancel_first)

    work_off(session)

    assert (session.status, session.stage) == (Status.CANCELLED, "comparing")
    assert Batch.objects.get(kind=BatchKind.COMPARE).status == BatchStatus.QUEUED


def test_counters_of_session_and_batches_are_those_of_the_rows_in_a_paused_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_photos(tmp_path / "source", 5)
    (source / "04.jpg").write_bytes(b"")
    session = scanned_session(source, batch_size=3, checkpoint_interval=1)
    at_each_read(monkeypatch, lambda position: position == 4 and session.pause())

    work_off(session, parent=make_worker(serves=session))

    counted = dict.fromkeys(COUNTERS, 0) | {"processed": 5, "approved": 4, "unreadable": 1}
    assert session.counts() == counted
    assert (session.status, prove(session).holds) == (Status.PAUSED, True)
