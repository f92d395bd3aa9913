"""Somebody's script, and a session of hers with its files."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession
from recovery.models import Crash
from tests.people import make_user
from tests.recovery.api.calling import script_of
from tests.recovery.views.scenes import interrupt, lying_session


@pytest.fixture
def ines(transactional_db: None) -> User:
    """An owner of sessions."""
    return make_user("ines")


@pytest.fixture
def script(ines: User) -> Client:
    """Her script, with every scope."""
    return script_of(ines)


@pytest.fixture
def session(ines: User, tmp_path: Path) -> ProcessingSession:
    """Her session of 12 photos in 3 batches, 10 judged, not attended by anybody."""
    return lying_session(tmp_path / "photos", owner=ines, name="Coast")


@pytest.fixture
def crash(session: ProcessingSession) -> Crash:
    """The power failure that has interrupted it."""
    return interrupt(session)
