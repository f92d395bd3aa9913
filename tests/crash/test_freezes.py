"""Frozen processes: a freeze is no death, and who was buried while frozen writes nothing more."""

import signal
import time

import pytest

from processing.models import Batch, Worker
from recovery import detection
from recovery.models import Crash
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, kill, until
from tests.crash.test_worker_deaths import busy_worker

pytestmark = pytest.mark.kill

FROZEN_S = 5.0
LONG_FROZEN_S = 30.0


def freeze(pids: list[int], frozen_s: float) -> None:
    """Let processes stand still: here it is time itself that is tested."""
    for pid in pids:
        kill(pid, signal.SIGSTOP)
    time.sleep(frozen_s)
    for pid in pids:
        kill(pid, signal.SIGCONT)


@pytest.mark.vendor("sqlite")
def test_freeze_of_5_seconds_is_no_crash(studio: Studio, undisturbed: str) -> None:
    run = studio.process()

    freeze([until(busy_worker).pid], FROZEN_S)
    freeze(list(studio.processes()), FROZEN_S)

    assert_undisturbed(run, studio, undisturbed)


@pytest.mark.long
def test_freeze_of_30_seconds_is_no_crash(studio: Studio, undisturbed: str) -> None:
    run = studio.process()

    freeze([until(busy_worker).pid], LONG_FROZEN_S)
    freeze(list(studio.processes()), LONG_FROZEN_S)

    assert_undisturbed(run, studio, undisturbed)


def assert_undisturbed(run: Run, studio: Studio, expected: str) -> None:
    """Assert that a run ended as if nothing had been, without a death or a takeover."""
    assert run.end() == 0, run.log()
    assert_exact(studio, expected)
    assert Crash.objects.count() == 0
    assert Batch.objects.filter(lease__gt=1, kind="photos").count() == 0


def test_zombie_writes_nothing_and_registers_anew_when_it_was_buried_while_frozen(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process()
    victim = until(busy_worker)
    kill(victim.pid, signal.SIGSTOP)
    held = Batch.objects.leased().get(worker=victim)

    assert detection.bury(Worker.objects.get(pk=victim.pk)) is True
    until(lambda: Batch.objects.get(pk=held.pk).status == "done")
    taken = Batch.objects.get(pk=held.pk)
    kill(victim.pid, signal.SIGCONT)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    assert taken.lease > held.lease
    assert Worker.objects.filter(pid=victim.pid).count() == 2
    assert Crash.objects.count() == 1
