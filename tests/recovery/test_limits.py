"""How many rows one transaction may move on SQLite, which lets nobody else write meanwhile."""

from pathlib import Path

import pytest
from django.db import connection

from processing.models import ImageResult, ProcessingSession, StepRefused
from recovery import plans, undo
from recovery.plans import prepare_recovery_options
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from tests.recovery.sound import sound_session
from tests.recovery.sources import lay_out

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a session with 10 verdicts."""
    session = sound_session()
    lay_out(session, tmp_path / "photos")
    return session


@pytest.mark.parametrize("limit", [9, 10])
def test_fresh_start_is_refused_on_sqlite_when_it_moves_too_many_rows(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(plans, "SQLITE_MOVED_MAX", limit)
    is_refused = connection.vendor == "sqlite" and limit == 9

    option = prepare_recovery_options(session)[2]
    if is_refused:
        with pytest.raises(StepRefused, match="Putting 10 verdicts aside would block SQLite"):
            execute_recovery(session, "fresh_start", user_confirmed=True)
    else:
        execute_recovery(session, "fresh_start", user_confirmed=True)

    assert option.available is not is_refused
    assert ImageResult.objects.live().count() == (10 if is_refused else 0)


@pytest.mark.parametrize("limit", [9, 10])
def test_undo_is_refused_on_sqlite_when_it_moves_too_many_rows(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    execute_recovery(session, "fresh_start", user_confirmed=True)
    monkeypatch.setattr(undo, "SQLITE_MOVED_MAX", limit)
    is_refused = connection.vendor == "sqlite" and limit == 9

    if is_refused:
        with pytest.raises(StepRefused, match="Taking 10 verdicts back would block SQLite"):
            rollback_recovery(session)
    else:
        rollback_recovery(session)

    assert ImageResult.objects.live().count() == (0 if is_refused else 10)
