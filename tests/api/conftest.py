"""A script of an owner and her session."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing.models import ProcessingSession
from processing.throttle import BUCKETS
from tests.api.asking import script
from tests.people import make_user
from tests.recovery.sound import sound_session


@pytest.fixture(autouse=True)
def _full_buckets() -> Iterator[None]:
    """Let nobody wait for what another test has asked."""
    BUCKETS.forget()
    yield
    BUCKETS.forget()


@pytest.fixture
def owner(db: None) -> User:
    """An owner of sessions."""
    return make_user("ines")


@pytest.fixture
def ines(owner: User) -> Client:
    """Her script, with every scope."""
    return script(owner)


@pytest.fixture
def session(owner: User) -> ProcessingSession:
    """Her session: 12 photos, 10 of them judged."""
    return sound_session(owner=owner, name="Autumn travel")
