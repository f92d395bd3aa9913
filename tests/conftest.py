"""Every test that touches the database runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests.databases import Databases, Kind, MigratedDatabase, made_on_demand, missing
from tests.postgresql import PostgreSQLMissing

VENDORS = ("sqlite", "postgresql")
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "database_url"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run database tests on both vendors; those that kill get databases that survive it."""
    marked = metafunc.definition.get_closest_marker("django_db")
    if marked or DATABASE_FIXTURES.intersection(metafunc.fixturenames):
        durable = metafunc.definition.get_closest_marker("kill") is not None
        only = metafunc.definition.get_closest_marker("vendor")
        vendors = VENDORS if only is None else only.args
        kinds = [pytest.param(Kind(vendor, durable), id=vendor) for vendor in vendors]
        metafunc.parametrize("database", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The databases of this run."""
    with made_on_demand(tmp_path_factory.mktemp("databases")) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def database(
    request: pytest.FixtureRequest, databases: Databases, django_db_blocker: DjangoDbBlocker
) -> MigratedDatabase | None:
    """The database of this test; of session scope, so that it is in place before pytest-django's fixtures."""
    kind = getattr(request, "param", None)
    if kind is None:
        return None
    with django_db_blocker.unblock():
        try:
            return databases.use(kind)
        except PostgreSQLMissing as error:
            missing(str(error))
    return None


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Replaces pytest-django's: `database` has made and migrated the database by now."""


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash passwords in no time; Django's own way takes half a second for each."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_looks() -> Iterator[None]:
    """Let every request see what the line before it has changed, unless a test says otherwise."""
    with override_settings(SHARED_LOOK_S=0):
        yield


@pytest.fixture
def database_url(database: MigratedDatabase) -> str:
    """DATABASE_URL for child processes that share this test's database (with `transactional_db`)."""
    return database.url
