"""Makes users and browsers for tests."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing.models import ProcessingSession

PASSWORD = "a-long-pass-phrase-of-tests"


def make_user(
    name: str = "ines", *, is_superuser: bool = False, password: str | None = None, **columns: Any
) -> User:
    """Make a person. A password costs half a second of hashing, so only those who type it in have one."""
    make = User.objects.create_superuser if is_superuser else User.objects.create_user
    return make(name, password=password, **columns)


def signed_in(user: User) -> Client:
    """Give a browser in which a person has signed in."""
    client = Client()
    client.force_login(user)
    return client


def asked_by_htmx(client: Client, path: str) -> Any:
    """Ask for a part, as a page's own script does."""
    return client.get(path, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{path}"})


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Give the captured SQL."""
    return [query["sql"] for query in captured.captured_queries]


def address(session: ProcessingSession, step: str = "") -> str:
    """Give the address of a session's page, or of one of its buttons."""
    return f"/sessions/{session.pk}/{step}/" if step else f"/sessions/{session.pk}/"
