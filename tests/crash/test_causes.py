"""Real deaths of every cause, each told from the others, and what the whole of them scores."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing import recorder
from recovery.models import Crash, CrashType
from tests.crash.causes import CAUSES, Hospital, brier_of, opened
from tests.crash.places import NotToBeHad
from tests.crash.proof import assert_exact
from tests.crash.studio import Studio, kill, until
from tests.crash.test_storm import tell
from tests.crash.victim import Deed

pytestmark = pytest.mark.kill

BRIER_MAX = 0.10
ROUNDS = 5


@pytest.fixture
def hospital(
    tmp_path: Path, transactional_db: None, database_url: str, settings: object
) -> Iterator[Hospital]:
    """A state folder of its own on the database of this test."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    with opened(tmp_path, database_url) as hospital:
        yield hospital


@pytest.mark.parametrize("name", CAUSES)
def test_cause_of_a_real_death_is_told(hospital: Hospital, name: str) -> None:
    expected, provoke = CAUSES[name]

    try:
        crash = provoke(hospital)
    except NotToBeHad as reason:
        pytest.skip(str(reason))

    assert crash.crash_type == expected, crash.facts
    assert brier_of(crash, expected) < 0.2
    assert sum(crash.probabilities.values()) == pytest.approx(1)


@pytest.mark.vendor("sqlite")
def test_worker_that_a_person_stops_and_then_kills_is_told_to_be_stopped(
    studio: Studio, undisturbed: str
) -> None:
    stuck = Deed("processing.runner.PhotoRun._measure", call=8, act="hang")
    run = studio.process("--workers", "1", plan=[stuck])
    until(lambda: stuck.was_done(studio.ledger))
    (victim,) = studio.laborers()

    kill(victim.pid, signal.SIGTERM)
    until(lambda: recorder.read_flight(victim.token).stop_signal)
    kill(victim.pid)

    assert run.end() == 0, run.log()
    assert_exact(studio, undisturbed)
    crash = Crash.objects.get()
    assert (crash.worker, crash.crash_type, crash.interrupts) == (victim, CrashType.STOPPED, False)
    assert "It had been asked to stop by signal 15 (SIGTERM)." in crash.evidence


@pytest.mark.long
def test_at_least_95_of_100_deaths_are_told_and_their_probabilities_are_honest(hospital: Hospital) -> None:
    judged: list[tuple[str, CrashType, Crash]] = []
    missing: Counter[str] = Counter()

    for name, (expected, provoke) in list(CAUSES.items()) * ROUNDS:
        try:
            judged.append((name, expected, provoke(hospital)))
        except NotToBeHad:
            missing[name] += 1

    wrong = Counter(name for name, expected, crash in judged if crash.crash_type != expected)
    brier = sum(brier_of(crash, expected) for _, expected, crash in judged) / len(judged)
    right_count = len(judged) - wrong.total()
    tell(
        f"{right_count} of {len(judged)} told, Brier score {brier:.4f}, wrong {wrong}, not to be had {missing}"
    )
    assert len(judged) >= 100 or missing
    assert right_count >= 0.95 * len(judged)
    assert brier <= BRIER_MAX
