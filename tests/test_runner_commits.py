"""Commits beside the analysis: one in the air at most, and never twice when an answer is lost."""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from processing.models import Batch, LeaseLost
from processing.models.commit import Commit
from processing.proof import prove
from processing.runner import run_slice
from processing.states import Status
from recovery import checkpoints
from recovery.models import Checkpoint
from tests.slices import (
    at_each_read,
    live_rows,
    photo_batches,
    scanned_session,
    work_off,
    worker_slice,
    write_photos,
)

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def _var(settings: Settings, tmp_path: Path) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "var"


def test_death_would_discard_less_than_two_chunks_when_a_commit_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 8), batch_size=8)
    main, reads, seen = threading.get_ident(), [], []
    at_each_read(monkeypatch, reads.append)

    def hold_back(commit: Commit) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not seen and not waits_in(main, "_wait_for_commit"):
            assert time.monotonic() < deadline
        seen.append((len(reads), len(flight["uncommitted"]), work.presence._limit_s))
        checkpoints.take(commit)

    with worker_slice(seal=hold_back) as work:
        flight = work.presence.recorder.flight
        run_slice(session.pk, work)

    session.refresh_from_db()
    assert seen[0] == (4, 3, None)
    assert prove(session).holds


def test_failed_commit_is_never_taken_for_one_that_has_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 8), batch_size=8)

    def lose_lease(batch: Batch, _results: object, _seal: object) -> None:
        raise LeaseLost(batch)

    monkeypatch.setattr(Batch, "commit", lose_lease)

    with worker_slice() as work:
        # The writer has one thread: once it answers, the commit before has failed.
        at_each_read(monkeypatch, lambda _position: work.writer.submit(int).result(DEADLINE_S))
        run_slice(session.pk, work)
        uncommitted = work.presence.recorder.flight["uncommitted"]

    assert (uncommitted, live_rows(session)) == ([0, 1, 2], [])


def waits_in(thread: int, function: str) -> bool:
    """Say whether a thread is inside a function now."""
    frame = sys._current_frames()[thread]
    while frame is not None:
        if frame.f_code.co_name == function:
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("lands", [True, False], ids=["landed", "did not land"])
@pytest.mark.parametrize("photos_count", [2, 4], ids=["at the batch's end", "inside the batch"])
def test_lost_commit_answer_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lands: bool, photos_count: int
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", photos_count), batch_size=photos_count)
    seam, calls = "_keep" if lands else "_store", []
    real = getattr(Batch, seam)

    def lose_first_answer(batch: Batch, *args: Any, **options: Any) -> None:
        calls.append(batch.sequence)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        real(batch, *args, **options)

    monkeypatch.setattr(Batch, seam, lose_first_answer)

    work_off(session)

    assert calls == ([0, 0] if photos_count == 2 else [0, 0, 1])
    assert (session.status, session.processed) == (Status.COMPLETED, photos_count)
    assert photo_batches(session, "sequence") == [photos_count // 2]
    assert prove(session).holds


def test_work_is_dropped_when_the_lease_was_lost_with_the_commits_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 2), batch_size=2)
    commit, calls = Batch.commit, []

    def lose_lease(batch: Batch, results: Any, seal: Any) -> None:
        calls.append(batch.lease)
        if len(calls) == 1:
            Batch.objects.get(pk=batch.pk).take_away()
            raise OperationalError("server closed the connection unexpectedly")
        commit(batch, results, seal)

    monkeypatch.setattr(Batch, "commit", lose_lease)

    work_off(session)

    assert calls == [1, 3]
    assert (session.status, live_rows(session, "lease")) == (Status.COMPLETED, [3, 3])


def test_every_verdict_is_covered_by_a_checkpoint_after_a_polite_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scanned_session(write_photos(tmp_path / "source", 6), batch_size=6)
    with worker_slice() as work:
        at_each_read(monkeypatch, lambda position: position == 2 and work.presence.draining.set())
        run_slice(session.pk, work)

    keys = live_rows(session, "pk")
    newest = Checkpoint.objects.latest_intact(session)
    assert newest is not None
    assert (len(keys), newest.checkpoint_type, newest.last_result) == (3, "image", keys[-1])
