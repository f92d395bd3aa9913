"""One worker's time slice in a session: claim a batch, read, decode, measure, judge, commit, until time is up."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NoReturn
from uuid import UUID

from django.conf import settings

from processing.analysis.pipeline import Pipeline, Prepared
from processing.commits import WAIT_S_MAX, commit_surely
from processing.models import Batch, ImageResult, LeaseLost, ProcessingSession, StepRefused
from processing.models.batch import Photo
from processing.models.commit import Seal
from processing.models.session import Alarm
from processing.photos import Reading, judge_photos, read_photo
from processing.pictures import try_to_keep_pictures
from processing.scan import folder_of, run_scan
from processing.similarity import run_compare
from processing.sources import SourceGone, path_text
from processing.states import BatchKind
from processing.worker import OUT_OF_MEMORY_EXIT, Presence

logger = logging.getLogger(__name__)

SOURCE_TRIES_MAX = 5


@dataclass(slots=True)
class Times:
    """Where a batch's time went, in seconds."""

    read_s: float = 0.0
    decode_s: float = 0.0
    measure_s: float = 0.0
    commit_s: float = 0.0
    wait_s: float = 0.0

    def as_log(self) -> dict[str, float]:
        """Round for the log line."""
        return {name: round(getattr(self, name), 4) for name in self.__dataclass_fields__}

    def as_stages(self) -> dict[str, float]:
        """Say for how long each stage kept the batch waiting: reading, decoding, measuring, the database."""
        return {
            "read": round(self.read_s, 3),
            "decode": round(self.decode_s, 3),
            "measure": round(self.measure_s, 3),
            "commit": round(self.wait_s, 3),
        }


@dataclass(slots=True)
class Slice:
    """What a worker needs during one time slice."""

    presence: Presence
    pipeline: Callable[[], Pipeline]
    decoders: ThreadPoolExecutor
    writer: ThreadPoolExecutor
    seal: Seal
    alarm: Alarm | None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + settings.LANE_SLICE_S)

    def may_go_on(self) -> bool:
        """Whether another photo may be started."""
        return not self.presence.wants_to_stop


def run_slice(session_id: UUID, work: Slice) -> int:
    """Work off batches of one session until time is up, work is over, or a stop is wanted; give their number."""
    session = ProcessingSession.objects.get(pk=session_id)
    if not work.presence.row.enter_lane(session):
        work.presence.buried.set()
        return 0
    # A slice that ended in an error may have left some.
    Batch.objects.release_held_by(work.presence.row)
    try:
        return _work_off_batches(session, work)
    finally:
        work.presence.row.enter_lane(None)


def _work_off_batches(session: ProcessingSession, work: Slice) -> int:
    batches_count = 0
    while time.monotonic() < work.deadline and work.may_go_on():
        batch = Batch.objects.claim(session.pk, work.presence.row)
        if batch is None:
            break
        batches_count += 1
        try:
            run_batch(batch, work)
        except LeaseLost:
            logger.warning(
                "lease lost, work dropped", extra={"session": str(session.pk), "batch": batch.number}
            )
    return batches_count


def run_batch(batch: Batch, work: Slice) -> None:
    """Do a leased batch's work, whatever its kind. A source that is gone fails the session.

    A comparison that finds the session cancelled or failed meanwhile does not land (design §3).
    """
    try:
        if batch.kind == BatchKind.SCAN:
            run_scan(batch, keep_going=_keep_going(batch, work), seal=work.seal)
        elif batch.kind == BatchKind.COMPARE:
            run_compare(batch, seal=work.seal)
        else:
            PhotoRun(batch, work).run()
    except SourceGone as error:
        _fail(batch, str(error), work.alarm)
        # The session has stopped because of it, so it explains no later death of this process.
        work.presence.recorder.note_overcome()
    except StepRefused as error:
        logger.warning("step refused, work dropped", extra={"error": str(error)})
        batch.release()


def _keep_going(batch: Batch, work: Slice) -> Callable[[], bool]:
    return lambda: (
        work.may_go_on() and ProcessingSession.objects.workable().filter(pk=batch.session_id).exists()
    )


def _fail(batch: Batch, error: str, alarm: Alarm | None) -> None:
    has_failed = batch.fail(error, alarm)
    message = "session failed" if has_failed else "error dropped, the session is held"
    logger.error(message, extra={"session": str(batch.session_id), "error": error})


class PhotoRun:
    """One batch of photos on its way through the device, with one chunk filling and at most one committing."""

    def __init__(self, batch: Batch, work: Slice) -> None:
        self.batch, self.work = batch, work
        self.session = ProcessingSession.objects.get(pk=batch.session_id)
        batch.session = self.session  # Each checkpoint tells its rules; they are read once a batch.
        self.folder = folder_of(self.session)
        self.pipeline = work.pipeline()
        self.times = Times()
        self.chunk: list[ImageResult] = []
        self.in_air: list[ImageResult] = []
        self.keeping: list[Future[Exception | None]] = []
        self.committing: Future[None] | None = None
        self.begun = time.monotonic()
        self.analyzed_count = 0

    def run(self) -> None:
        """Analyze what is missing; give the lease back when a stop was wanted before the end."""
        todo = self.batch.missing()
        suspects = [photo for photo in todo if str(photo.position) in self.batch.suspects]
        others = [photo for photo in todo if str(photo.position) not in self.batch.suspects]
        try:
            finished = self._run_chunks(others) and self._run_alone(suspects)
            self._commit_chunk()
        finally:
            # An error leaves photos in flight, and their time limit would end this process later.
            # test: test_session_fails_with_a_sentence_and_goes_on_later_when_an_input_error_stays.
            self.work.presence.land()
            self._wait_for_commit()
        if not finished:
            self._release()
        self.work.presence.account(worked_s=time.monotonic() - self.begun, commit_s=self.times.commit_s)
        logger.info("batch worked off", extra=self._as_log())

    def _release(self) -> None:
        if self.batch.processed < self.batch.photos_count:
            self.batch.release()

    def _as_log(self) -> dict[str, object]:
        return {
            "session": str(self.session.pk),
            "batch": self.batch.number,
            "images_count": self.analyzed_count,
            "elapsed_s": round(time.monotonic() - self.begun, 4),
            **self.times.as_log(),
        }

    def _run_chunks(self, photos: Sequence[Photo]) -> bool:
        interval = self.session.checkpoint_interval
        for start in range(0, len(photos), interval):
            if not self._still_wanted():
                return False
            for group in _groups(photos[start : start + interval], self.pipeline.batch_size):
                if not self.work.may_go_on():
                    return False
                self._analyze(group, alone=False)
            self._commit_chunk()
        return True

    def _run_alone(self, suspects: Sequence[Photo]) -> bool:
        """Analyze the photos that were in flight at a death one by one, each committed before the next."""
        for photo in suspects:
            self._commit_chunk()
            self._wait_for_commit()
            if not (self.work.may_go_on() and self._still_wanted()):
                return False
            self._analyze([photo], alone=True)
        return True

    def _still_wanted(self) -> bool:
        return ProcessingSession.objects.workable().filter(pk=self.session.pk).exists()

    def _analyze(self, group: Sequence[Photo], *, alone: bool) -> None:
        """Take a group through the device and add its rows to the chunk."""
        self.work.presence.take_off(
            settings.PHOTO_TIMEOUT_S * len(group),
            phase="analyze",
            batch=self.batch.pk,
            lease=self.batch.lease,
            positions=[photo.position for photo in group],
            photo=path_text(group[0].path),
            alone=alone,
            uncommitted=self._uncommitted(),
        )
        if self.pipeline.batch_size == 1:
            # Memory is short: the decoder thread that had the photo before may be another, and keeps a buffer too.
            self.pipeline.free_memory()
        try:
            self.chunk += self._measure(group)
        except MemoryError as error:
            self.work.presence.recorder.note_error(error)
            if len(group) == 1:
                self._give_up(group[0])
        else:
            self.analyzed_count += len(group)
            self._tell_pace(group)
            return
        finally:
            # Whatever ended it: an idle worker has no photo that could exceed its time limit.
            # test: test_nothing_is_in_flight_when_the_source_is_gone.
            self.work.presence.land(uncommitted=self._uncommitted())
        # Here, where the error is forgotten that holds on to what the group had read and decoded.
        self._make_room(group, alone=alone)

    def _uncommitted(self) -> list[int]:
        """Positions with a verdict that a death now would discard: the chunk in the air and the one filling."""
        in_air = self.in_air if self._may_be_lost() else []
        return [row.position for row in (*in_air, *self.chunk)]

    def _may_be_lost(self) -> bool:
        """Whether the chunk handed to the writer is not stored; one whose commit has failed never is.

        test: test_failed_commit_is_never_taken_for_one_that_has_landed.
        """
        committing = self.committing
        return committing is not None and not (committing.done() and committing.exception() is None)

    def _measure(self, group: Sequence[Photo]) -> list[ImageResult]:
        readings, prepared = self._prepare(group)
        clock = time.monotonic()
        measured = self.pipeline.measure(prepared)
        self.times.measure_s += time.monotonic() - clock
        self._land_before_two_chunks(len(group))
        rows = judge_photos(self.batch, self.session.preset, readings, measured)
        self._keep_pictures(rows, prepared)
        return rows

    def _keep_pictures(self, rows: Sequence[ImageResult], prepared: Sequence[Prepared]) -> None:
        """Let the decoders write what people look at, ahead of the photos to come; the chunk's commit waits for it."""
        by_content = {one.sha256: one for one in prepared}
        for row in rows:
            one = by_content.get(row.sha256)
            if one is not None and one.pictures is not None and one.facts is not None:
                self.keeping.append(
                    self.work.decoders.submit(try_to_keep_pictures, row, one.pictures, one.facts)
                )

    def _land_before_two_chunks(self, coming_count: int) -> None:
        """Let the chunk in the air land before there are verdicts of two whole chunks to be lost (guarantee 5).

        Photos that wait for it are in flight, and no time limit is theirs meanwhile.
        test: test_death_would_discard_less_than_two_chunks_when_a_commit_takes_long.
        """
        if len(self._uncommitted()) + coming_count >= 2 * self.session.checkpoint_interval:
            with self.work.presence.off_the_clock():
                self._wait_for_commit()

    def _prepare(self, group: Sequence[Photo]) -> tuple[list[Reading], list[Prepared]]:
        """Read the photos in this thread while the decoders, which release the GIL, are at those before.

        Nothing of the group is being decoded any more when this returns or raises.
        """
        clock = time.monotonic()
        readings: list[Reading] = []
        decoding: list[Future[Prepared]] = []
        try:
            for photo in group:
                reading = self._read(photo)
                readings.append(reading)
                if reading.data is not None:
                    decoding.append(self.work.decoders.submit(self.pipeline.prepare, reading.data))
            self.times.read_s += time.monotonic() - clock
            clock = time.monotonic()
        finally:
            wait(decoding)
        self.times.decode_s += time.monotonic() - clock
        return readings, [one.result() for one in decoding]

    def _read(self, photo: Photo) -> Reading:
        """Read one photo; an error of the environment is tried again, and never becomes a verdict."""
        for attempt in range(SOURCE_TRIES_MAX):
            try:
                reading = read_photo(self.folder, photo)
            except OSError as error:
                self.work.presence.recorder.note_error(error, source_tries=attempt + 2)
                if attempt + 1 == SOURCE_TRIES_MAX or not self.work.may_go_on():
                    raise SourceGone(_cannot_be_read(photo, error)) from error
                with self.work.presence.off_the_clock():
                    time.sleep(min(0.2 * 2**attempt, WAIT_S_MAX))
            else:
                if attempt:
                    self.work.presence.recorder.note_overcome()
                    self.work.presence.recorder.note(source_tries=0)
                return reading
        raise RuntimeError("SOURCE_TRIES_MAX must be at least 1.")

    def _make_room(self, group: Sequence[Photo], *, alone: bool) -> None:
        """Out of memory: halve what is in flight."""
        size = max(1, len(group) // 2)
        logger.warning("out of memory, fewer photos at once", extra={"photos_count": size})
        self.pipeline.set_batch_size(size)
        self.pipeline.free_memory()
        # The error and the decoding that raised it hold each other, and with them all that the group had decoded.
        gc.collect()
        for half in _groups(group, size):
            self._analyze(half, alone=alone)
        self.work.presence.recorder.note_overcome()

    def _give_up(self, photo: Photo) -> NoReturn:
        """Out of memory at one photo alone: the process ends, which counts against the photo."""
        self.work.presence.recorder.note(phase="out_of_memory")
        self._commit_chunk()
        self._wait_for_commit()
        logger.error("out of memory at one photo", extra={"position": photo.position})
        os._exit(OUT_OF_MEMORY_EXIT)

    def _tell_pace(self, group: Sequence[Photo]) -> None:
        elapsed_s = time.monotonic() - self.begun
        self.work.presence.telemetry.update(
            photo=path_text(group[-1].path),
            rate_per_s=round(self.analyzed_count / elapsed_s, 3) if elapsed_s else None,
            stages=self.times.as_stages(),
            device_memory_bytes=self.pipeline.count_device_bytes(),
            device_utilization=round(self.times.measure_s / elapsed_s, 3) if elapsed_s else None,
        )

    def _commit_chunk(self) -> None:
        """Hand the filled chunk to the writer once the one before has landed (guarantee 5)."""
        if not self.chunk:
            return
        self._wait_for_commit()
        self.committing = self.work.writer.submit(self._commit, self.chunk, self.keeping)
        self.in_air, self.chunk, self.keeping = self.chunk, [], []

    def _wait_for_commit(self) -> None:
        clock = time.monotonic()
        if self.committing is not None:
            self.committing.result()
        self.committing = None
        self.times.wait_s += time.monotonic() - clock

    def _commit(self, chunk: list[ImageResult], keeping: list[Future[Exception | None]]) -> None:
        """Commit once the pictures are there: a death before leaves at most pictures, which come again."""
        errors = [error for one in keeping if (error := one.result()) is not None]
        if errors:
            logger.warning(
                "pictures not kept, verdicts are",
                extra={
                    "session": str(self.session.pk),
                    "images_count": len(errors),
                    "error": str(errors[0]),
                },
            )
        clock = time.monotonic()
        commit_surely(self.batch, chunk, self.work.seal, self.work.presence)
        self.times.commit_s += time.monotonic() - clock


def _cannot_be_read(photo: Photo, error: OSError) -> str:
    return (
        f"{path_text(photo.path)} cannot be read: {error.strerror}. This is no fault of the photo: "
        "look at the disk, then recover the session."
    )


def _groups(photos: Sequence[Photo], size: int) -> Iterator[Sequence[Photo]]:
    for start in range(0, len(photos), max(size, 1)):
        yield photos[start : start + max(size, 1)]
