"""Wrong variants of the product, each put in place of its function while a world runs; the simulation must catch all."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from processing import burial, superseding
from processing.models import Batch, ProcessingSession, Worker
from processing.models.batch import COUNTERS, Photo
from processing.runner import PhotoRun
from processing.states import SESSION_STEPS, Hold
from processing.worker import Watch
from recovery import automatic, resume
from recovery.confidence import fruitless_count
from recovery.models import Checkpoint
from recovery.undo import Undo


@dataclass(frozen=True)
class Mutant:
    """One wrong variant: what it leaves out, how it is put in place, and the world that caught it last: tried first."""

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    seed: int = 0

    def __str__(self) -> str:
        return self.name


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    """Name the batch in the commit's UPDATE, and not the lease under which it was taken."""
    store = Batch._store

    def store_under_any_lease(batch: Batch, *args: Any, **options: Any) -> None:
        batch.lease = Batch.objects.values_list("lease", flat=True).get(pk=batch.pk)
        store(batch, *args, **options)

    patch.setattr(Batch, "_store", store_under_any_lease)


def _pointer_cursor(patch: pytest.MonkeyPatch) -> None:
    """Go on behind the number of photos that are done, instead of with those that have no live row."""

    def behind_the_cursor(batch: Batch) -> list[Photo]:
        return batch.photos()[batch.processed :]

    patch.setattr(Batch, "missing", behind_the_cursor)


def _one_status_column(patch: pytest.MonkeyPatch) -> None:
    """Let a worker's step overwrite what a person has set, as it does where both write the same column."""
    take_step = ProcessingSession._step

    def overwrite(session: ProcessingSession, name: str, **changes: Any) -> None:
        take_step(session, name, **changes)
        if SESSION_STEPS[name].stage is not None:
            ProcessingSession.objects.filter(pk=session.pk).update(hold=Hold.NONE)

    patch.setattr(ProcessingSession, "_step", overwrite)


def _no_latch(patch: pytest.MonkeyPatch) -> None:
    """Bury the last parent without a mark on its sessions."""
    patch.setattr(burial, "_latch_if_nobodys", lambda _session: False)


def _blind_retry(patch: pytest.MonkeyPatch) -> None:
    """Write again after a lost answer, without a look at what is there; the UPDATE does not compare the count either."""
    store = Batch._store

    def store_whatever_is_there(batch: Batch, *args: Any, **options: Any) -> None:
        batch.processed = Batch.objects.values_list("processed", flat=True).get(pk=batch.pk)
        store(batch, *args, **options)

    patch.setattr(Batch, "_store", store_whatever_is_there)
    patch.setattr(Batch, "has_landed", lambda _batch: False)


def _counters_by_subtraction(patch: pytest.MonkeyPatch) -> None:
    """Take from a session's counters what its batches have lost, instead of adding the finished ones up."""
    recount = superseding.recount

    def subtract(session: ProcessingSession, batch_ids: Any) -> None:
        before = _sums_of(batch_ids)
        stored = ProcessingSession.objects.values(*COUNTERS).get(pk=session.pk)
        recount(session, batch_ids)
        after = _sums_of(batch_ids)
        changes = {name: stored[name] + after[name] - before[name] for name in COUNTERS}
        ProcessingSession.objects.filter(pk=session.pk).update(**changes)

    for module in (superseding, resume):
        patch.setattr(module, "recount", subtract)


def _sums_of(batch_ids: Any) -> dict[str, int]:
    rows = list(Batch.objects.filter(pk__in=batch_ids).values(*COUNTERS))
    return {name: sum(row[name] for row in rows) for name in COUNTERS}


def _undo_of_any_one(patch: pytest.MonkeyPatch) -> None:
    """Undo the attempt that is named alone, and leave those that stand on it."""
    patch.setattr(
        Undo, "made_since", lambda one: _rows_of(one).filter(superseded_by=None, attempt=one.number)
    )
    patch.setattr(Undo, "put_aside", lambda one: _rows_of(one).filter(superseded_by=one.number))


def _rows_of(one: Undo) -> Any:
    return superseding.ImageResult.objects.filter(session=one.session)


def _checkpoints_not_voided(patch: pytest.MonkeyPatch) -> None:
    """Put rows aside and leave the checkpoints that cover them as they are."""
    put_aside = resume.put_aside

    def put_rows_aside_only(session: ProcessingSession, selection: Any, number: int) -> Any:
        change = put_aside(session, selection, number)
        Checkpoint.objects.filter(session=session, voided_by=number).update(voided_by=None)
        return change

    patch.setattr(resume, "put_aside", put_rows_aside_only)


def _any_death_counts(patch: pytest.MonkeyPatch) -> None:
    """Hold every death against the photos in flight, as if its cause could only be one of them."""
    is_poison = burial._is_poison

    def blame(batch: Batch, position: int, *, is_alone: bool, by_photo: bool) -> bool:
        return is_poison(batch, position, is_alone=is_alone, by_photo=True)

    patch.setattr(burial, "_is_poison", blame)


def _full_chunk_in_the_air(patch: pytest.MonkeyPatch) -> None:
    """Judge on while a whole chunk is in the air, until the next one is whole too."""
    patch.setattr(PhotoRun, "_land_before_two_chunks", lambda _run, _coming_count: None)


def _commits_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """Commit a batch's verdicts when it is done, whatever the checkpoint interval."""
    begin = PhotoRun.__init__

    def begin_without_interval(run: PhotoRun, *args: Any) -> None:
        begin(run, *args)
        run.session.checkpoint_interval = run.session.batch_size

    patch.setattr(PhotoRun, "__init__", begin_without_interval)


def _any_parent_serves(patch: pytest.MonkeyPatch) -> None:
    """Leave a session without a mark while any parent lives, though it serves another session alone."""
    latch_if_nobodys = burial._latch_if_nobodys

    def latch_if_nobody_lives(session: ProcessingSession) -> bool:
        return not Worker.objects.living().parents().exists() and latch_if_nobodys(session)

    patch.setattr(burial, "_latch_if_nobodys", latch_if_nobody_lives)


def _clock_alone(patch: pytest.MonkeyPatch) -> None:
    """Take for dead whose last beat is old by the database's clock, without a look at the beats."""

    def is_silent(watch: Watch, worker: Worker) -> bool:
        return watch._silent().filter(pk=worker.pk).exists()

    patch.setattr(Watch, "_is_silent", is_silent)


def _no_limit(patch: pytest.MonkeyPatch) -> None:
    """Recover by itself after each wait, however often that was in vain."""
    patch.setattr(automatic, "FRUITLESS_MAX", sys.maxsize)


def _no_backoff(patch: pytest.MonkeyPatch) -> None:
    """Recover by itself at the next look, up to the limit."""
    patch.setattr(automatic, "_waits", lambda s: fruitless_count(s) >= automatic.FRUITLESS_MAX)


def _any_confidence_is_safe(patch: pytest.MonkeyPatch) -> None:
    """Let `safe` go on whatever speaks against it, as `always` does."""
    patch.setattr(automatic, "SAFE_MIN", 0.0)


MUTANTS = (
    Mutant("no fence", _no_fence, seed=1),
    Mutant("pointer cursor", _pointer_cursor),
    Mutant("one status column", _one_status_column, seed=27),
    Mutant("no latch", _no_latch, seed=1),
    Mutant("blind retry", _blind_retry, seed=1),
    Mutant("counters by subtraction", _counters_by_subtraction, seed=3),
    Mutant("undo of any one attempt", _undo_of_any_one, seed=33),
    Mutant("checkpoints not voided", _checkpoints_not_voided, seed=3),
    Mutant("any death counts against a photo", _any_death_counts, seed=12),
    Mutant("a whole chunk in the air, another in hand", _full_chunk_in_the_air, seed=81),
    Mutant("commits at the batch's end alone", _commits_at_the_end, seed=4),
    Mutant("any parent counts as serving", _any_parent_serves, seed=28),
    Mutant("silence by the clock alone", _clock_alone),
    Mutant("recovered by itself without a limit", _no_limit, seed=66),
    Mutant("recovered by itself without waiting", _no_backoff, seed=66),
    Mutant("recovered by itself whatever the confidence", _any_confidence_is_safe, seed=31),
)
