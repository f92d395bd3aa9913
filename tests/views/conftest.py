"""A signed-in owner and her session."""

import pytest
from django.test import Client

from processing.models import ProcessingSession
from tests.factories import make_session
from tests.people import make_user, signed_in


@pytest.fixture
def ines(db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


@pytest.fixture
def session(ines: Client) -> ProcessingSession:
    """Her session, running, 8 photos."""
    return make_session(owner_id=ines.session["_auth_user_id"], total=8, name="Autumn travel")
