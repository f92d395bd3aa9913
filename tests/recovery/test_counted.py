"""What a way back takes from counters, and what it says and does where those were wrong."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import BatchStatus
from recovery.plans import prepare_recovery_options
from recovery.resume import execute_recovery
from tests.recovery.sound import sound_session
from tests.recovery.sources import lay_out
from tests.recovery.test_resume import findings_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give a session of 12 photos in 3 batches, 10 judged."""
    session = sound_session()
    lay_out(session, tmp_path / "photos")
    return session


def test_fresh_start_is_previewed_without_counting_rows(session: ProcessingSession) -> None:
    with CaptureQueriesContext(connection) as captured:
        preview = prepare_recovery_options(session)[2]

    counts = [one["sql"] for one in captured if "COUNT(" in one["sql"] and "imageresult" in one["sql"]]
    assert [sql for sql in counts if "batch_id" not in sql] == []
    assert (preview.option, preview.keep, preview.redo, preview.start_index) == ("fresh_start", 0, 10, 0)


@pytest.mark.parametrize(("option", "redo"), [("restart_batch", 2), ("fresh_start", 10)])
def test_recovery_says_so_when_the_counters_were_wrong(
    session: ProcessingSession, option: str, redo: int
) -> None:
    ProcessingSession.objects.filter(pk=session.pk).update(processed=7, approved=3)

    recovered = execute_recovery(session, option, user_confirmed=True)

    assert recovered.redo == redo
    assert recovered.message.endswith(" There were 10 verdicts, where the counters had said 9.")
    assert findings_of(session) == []


def test_recovery_says_nothing_of_counters_that_are_right(session: ProcessingSession) -> None:
    recovered = execute_recovery(session, "fresh_start", user_confirmed=True)

    assert recovered.message.endswith(": 0 verdicts kept, 10 put aside, 12 photos left.")


def test_fresh_start_makes_every_photo_anew_when_rows_are_missing(session: ProcessingSession) -> None:
    ImageResult.objects.filter(session=session, batch__number=1).delete()

    recovered = execute_recovery(session, "fresh_start", user_confirmed=True)

    assert (recovered.keep, recovered.redo, recovered.left) == (0, 6, 12)
    assert {batch.status for batch in Batch.objects.filter(session=session)} == {BatchStatus.QUEUED}
    assert findings_of(session) == []
