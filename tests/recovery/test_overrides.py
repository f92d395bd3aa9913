"""A person's verdict through recoveries and undos: it stays, whatever the machine does again."""

from pathlib import Path

import pytest

from processing.models import ProcessingSession
from processing.overriding import override, withdraw
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from tests.recovery.sound import completed_session
from tests.recovery.sources import lay_out
from tests.recovery.test_resume import findings_of
from tests.recovery.test_undo import work_on
from tests.test_overriding import assert_counts_are_true, decisions

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a completed session of 8 photos, of which compare has rejected the third; persons overruled three."""
    session = completed_session()
    lay_out(session, tmp_path / "photos")
    override(session, [1, 2], "approved", by="ada")
    override(session, [4], "rejected", by="ada")
    return session


BEFORE = ["approved", "approved", "approved", "unreadable", "rejected", "rejected", "approved", "unreadable"]


def test_overrides_are_in_force_as_soon_as_a_photo_is_analyzed_again(session: ProcessingSession) -> None:
    assert decisions(session) == BEFORE

    execute_recovery(session, "fresh_start", user_confirmed=True)
    nothing = decisions(session)
    work_on(session, 4)

    assert (nothing, decisions(session)) == ([], ["approved"] * 4)
    assert_counts_are_true(session)
    work_on(session, 3)
    assert decisions(session) == [*["approved"] * 4, "rejected", *["approved"] * 2]
    assert_counts_are_true(session)
    session.refresh_from_db()
    assert findings_of(session) == []


def test_verdicts_after_a_recovery_stay_when_it_is_undone(session: ProcessingSession) -> None:
    execute_recovery(session, "fresh_start", user_confirmed=True)
    work_on(session, 4)
    override(session, [3], "rejected", by="bea")
    withdraw(session, [1], by="bea")

    rollback_recovery(session)

    assert decisions(session) == ["approved", "rejected", "approved", "rejected", *BEFORE[4:]]
    assert_counts_are_true(session)
    assert findings_of(session) == []
