"""A place is a database with its state folder; copies of a prepared one cost milliseconds."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg


@dataclass(frozen=True)
class Place:
    """One database and the state folder that belongs to it."""

    url: str
    var: Path


class SQLitePlaces:
    """Places that are files."""

    def __init__(self, folder: Path) -> None:
        """Keep copies in this folder."""
        self._folder, self._numbers = folder, count(1)

    def copy(self, place: Place) -> Place:
        """Copy a database that nobody has open, and its state folder."""
        folder = self._folder / str(next(self._numbers))
        _copy_folder(place.var, folder / "var")
        original = file_of(place)
        for path in original.parent.glob(f"{original.name}*"):
            shutil.copyfile(path, folder / path.name.replace(original.name, "db.sqlite3"))
        return Place(f"sqlite:///{folder / 'db.sqlite3'}", folder / "var")

    def drop(self, place: Place) -> None:
        """Remove a copy."""
        shutil.rmtree(place.var.parent)


class PostgreSQLPlaces:
    """Places that are databases of one server."""

    def __init__(self, folder: Path, url: str) -> None:
        """Keep state folders in this folder, and databases on the server of this URL."""
        self._folder, self._numbers = folder, count(1)
        self._url = url

    def copy(self, place: Place) -> Place:
        """Copy a database that nobody is connected to, and its state folder."""
        name = f"place_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{_name_of(place.url)}" STRATEGY FILE_COPY')
        folder = self._folder / name
        _copy_folder(place.var, folder / "var")
        return Place(self._url.replace("/postgres?", f"/{name}?"), folder / "var")

    def drop(self, place: Place) -> None:
        """Remove a copy."""
        self._execute(f'DROP DATABASE "{_name_of(place.url)}" WITH (FORCE)')
        shutil.rmtree(place.var.parent)

    def _execute(self, statement: str) -> None:
        parts = urlsplit(self._url)
        host = parse_qs(parts.query)["host"][0]
        with psycopg.connect(
            host=host, user=parts.username, dbname="template1", autocommit=True
        ) as connection:
            connection.execute(statement)


Places = SQLitePlaces | PostgreSQLPlaces


def file_of(place: Place) -> Path:
    """Give the file of a place on SQLite."""
    return Path(place.url.removeprefix("sqlite:///"))


def places_on(url: str, folder: Path) -> Places:
    """Give places of the kind of this URL."""
    return SQLitePlaces(folder) if url.startswith("sqlite") else PostgreSQLPlaces(folder, url)


@contextmanager
def copied(places: Places, place: Place) -> Iterator[Place]:
    """Have a copy for a while."""
    copy = places.copy(place)
    yield copy
    places.drop(copy)


def _name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _copy_folder(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    if source.exists():
        shutil.copytree(source, target)
    else:
        target.mkdir()
