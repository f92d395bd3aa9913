"""Instants that the database wrote, compared with what was read of them."""

import pytest

from processing.instants import AsWritten
from processing.models import ProcessingSession
from recovery.dashboard import crashes_of
from tests.factories import make_crash, make_session, make_worker
from tests.people import make_user

pytestmark = pytest.mark.django_db


def test_older_than_does_not_give_the_session_itself() -> None:
    older, newer = make_session(), make_session()

    found = ProcessingSession.objects.older_than(newer)

    assert list(found) == [older]


def test_instant_is_equal_to_what_the_database_has_written() -> None:
    session = make_session()

    found = ProcessingSession.objects.filter(created_at=AsWritten(session.created_at))

    assert list(found) == [session]


def test_next_page_of_crashes_does_not_begin_with_the_last_one_shown() -> None:
    session = make_session(owner=make_user())
    crashes = [make_crash(worker=make_worker(), session=session) for _ in range(2)]

    shown, more = crashes_of(session.owner, limit=1)
    following, _ = crashes_of(session.owner, more, limit=1)

    assert [row.crash.pk for row in (*shown, *following)] == [crashes[1].pk, crashes[0].pk]
