"""Real deaths of every cause, each told from the others, and what the whole of them scores."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.crash.causes import CAUSES, Hospital, brier_of, opened
from tests.crash.places import NotToBeHad
from tests.crash.test_storm import tell

if TYPE_CHECKING:
    from recovery.models import Crash, CrashType

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
