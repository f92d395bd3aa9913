"""What has happened lately, at a glance on the session's page."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing.models import ProcessingSession
from recovery import acts, checkpoint_acts
from recovery.chronicle import LATELY_MAX, lately_of
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint
from recovery.resume import execute_recovery
from tests.factories import make_crash, make_session, make_worker
from tests.people import address, asked_by_htmx, make_user, signed_in, statements
from tests.recovery.sound import sound_session, write_files

pytestmark = pytest.mark.django_db


@pytest.fixture
def ines(db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


@pytest.fixture
def session(ines: Client, tmp_path: Path) -> ProcessingSession:
    """Her session of 12 photos, 10 of them judged, with checkpoints; its files are there."""
    source = write_files(tmp_path / "photos", 12)
    return sound_session(owner=User.objects.get(username="ines"), name="Autumn travel", source_path=source)


def test_newest_events_are_told_with_one_checkpoint_of_those_that_come_and_go(
    session: ProcessingSession,
) -> None:
    make_crash(worker=make_worker(), session=session, interrupts=False)
    make_crash(
        worker=make_worker(),
        session=session,
        interrupts=True,
        crash_type="power_failure",
        probabilities={"power_failure": 0.91},
    )
    acts.pause(session, actor="ines")
    execute_recovery(session, "continue", by="ines")
    for note in ("one", "two"):
        taken = checkpoint_acts.take(session, CheckpointType.MANUAL, actor="ines", note=note)
        Checkpoint.objects.filter(pk=taken.pk).update(pinned=False)

    told = [moment.title for moment in lately_of(session)]

    assert told == [
        "Checkpoint at 10 photos, seal intact",
        "Continued from photo 11",
        "Paused by ines",
        "Interrupted. Very likely a power failure",
        "A worker crashed. What ended it left no trace",
    ]


def test_kept_checkpoints_are_told_as_milestones(session: ProcessingSession) -> None:
    Checkpoint.objects.filter(session=session).delete()
    checkpoint_acts.take(session, CheckpointType.MANUAL, actor="ines")

    (newest, *_others) = lately_of(session)
    Checkpoint.objects.update(digest="0" * 64)
    (damaged, *_others) = lately_of(session)

    assert (newest.title, newest.icon, newest.look) == (
        "Milestone at 10 photos, seal intact",
        "pin",
        "milestone",
    )
    assert damaged.title == "Milestone at 10 photos, not as it was sealed"


def test_page_shows_a_fixed_number_of_lines_in_as_many_queries_whatever_has_happened(
    ines: Client, session: ProcessingSession
) -> None:
    new = make_session(owner=User.objects.get(username="ines"))
    for _ in range(10):
        checkpoint_acts.take(session, CheckpointType.MANUAL, actor="ines")
        make_crash(worker=make_worker(), session=session)
    sessions = ProcessingSession.objects.select_related("owner")

    counted = []
    for one in (sessions.get(pk=new.pk), sessions.get(pk=session.pk)):
        with CaptureQueriesContext(connection) as captured:
            told = lately_of(one)
        counted.append((len(told), len(statements(captured))))
    page = ines.get(address(session)).content.decode()

    assert [told for told, _queries in counted] == [1, LATELY_MAX]
    assert counted[0][1] == counted[1][1] <= 7
    assert page.partition('<ul class="log log-brief">')[2].partition("</ul>")[0].count("<li") == LATELY_MAX


def test_part_is_sent_again_when_something_has_happened(ines: Client, session: ProcessingSession) -> None:
    version = ines.get(address(session)).context["overview"].version

    unchanged = asked_by_htmx(ines, f"{address(session)}?version={version}")
    checkpoint_acts.take(session, CheckpointType.MANUAL, actor="ines")
    changed = asked_by_htmx(ines, f"{address(session)}?version={version}")

    assert (unchanged.status_code, changed.status_code) == (204, 200)
    assert "Milestone at 10 photos, seal intact" in changed.content.decode()


def test_end_is_told_at_once_because_nobody_asks_after_it(ines: Client, session: ProcessingSession) -> None:
    ines.get(address(session))
    session.cancel()

    part = asked_by_htmx(ines, address(session)).content.decode()

    assert ">Ended</span>" in part
