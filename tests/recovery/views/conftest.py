"""A signed-in owner, her session with its files, and how a form of its recovery is sent."""

from pathlib import Path

import pytest
from django.test import Client

from processing.models import ProcessingSession
from tests.people import make_user, signed_in
from tests.recovery.views.scenes import interrupt, lying_session


@pytest.fixture
def ines(transactional_db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


@pytest.fixture
def session(ines: Client, tmp_path: Path) -> ProcessingSession:
    """Her interrupted session of 12 photos in 3 batches, 10 of them judged."""
    session = lying_session(tmp_path / "photos", owner_id=ines.session["_auth_user_id"], name="Coast")
    interrupt(session)
    return session
