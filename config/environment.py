"""Readers for settings from the environment; a wrong value is refused with one sentence."""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = ("true", "on", "yes", "y", "1", "ok")
FALSE_WORDS = ("false", "off", "no", "n", "0", "")
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
MADE_SECRET_BYTES = 50

env = environ.Env()


def read_file(path: Path) -> None:
    """Take variables that are not set yet from a `.env` file, if there is one."""
    if path.is_file():
        environ.Env.read_env(path)


def refusal(name: str, value: str, why: str, remedy: str) -> ImproperlyConfigured:
    """The error for a wrong value: which variable, which value, why, and what to do."""
    return ImproperlyConfigured(f"{name} is {value!r}, but {why}: {remedy}.")


def read_text(name: str, default: str = "") -> str:
    """A text without blanks around it; an empty one counts as unset."""
    return str(env.str(name, default="")).strip() or default


def read_whole(name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number from minimum to maximum, both included."""
    text = read_text(name, str(default))
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not minimum <= int(text) <= maximum:
        raise refusal(
            name,
            text,
            f"it must be a whole number from {minimum} to {maximum}",
            f"set it to one, or unset it for {default}",
        )
    return int(text)


def read_seconds(name: str, default: float, minimum: float, maximum: float) -> float:
    """A duration in seconds from minimum to maximum, both included."""
    text = read_text(name, f"{default:g}")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not minimum <= float(text) <= maximum:
        raise refusal(
            name,
            text,
            f"it must be a number of seconds from {minimum:g} to {maximum:g}",
            f"set it to one, or unset it for {default:g}",
        )
    return float(text)


def read_switch(name: str, *, default: bool) -> bool:
    """On or off, in the words people use."""
    text = read_text(name, "on" if default else "off").lower()
    if text not in TRUE_WORDS + FALSE_WORDS:
        raise refusal(name, text, "it must be on or off", "set it to on or off")
    return text in TRUE_WORDS


def read_choice(name: str, default: str, choices: Sequence[str]) -> str:
    """One of the given words, in lower case."""
    text = read_text(name, default).lower()
    if text not in choices:
        listing = ", ".join(choices)
        raise refusal(name, text, f"it must be one of {listing}", f"set it to one, or unset it for {default}")
    return text


def read_words(name: str, default: Sequence[str] = ()) -> list[str]:
    """The parts of a comma-separated text, without blanks and empty parts."""
    words = [word.strip() for word in read_text(name).split(",")]
    return [word for word in words if word] or list(default)


def read_origins(name: str) -> list[str]:
    """Origins with their scheme, as Django wants them: `https://photos.example.com`."""
    origins = read_words(name)
    for origin in origins:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            why = "an origin is a scheme and a host, without a path"
            raise refusal(name, origin, why, "write it like https://photos.example.com")
    return origins


def usable_cores_count() -> int:
    """How many cores this process may use; containers and taskset often allow fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_device(name: str) -> str:
    """`auto`, `cpu` or `cuda:N`; `cuda` alone means its first card."""
    text = read_text(name, "auto").lower()
    device = "cuda:0" if text == "cuda" else text
    if not re.fullmatch(r"auto|cpu|cuda:[0-9]{1,2}", device):
        raise refusal(name, text, "it must be auto, cpu or cuda:N", "name a device, or unset it for auto")
    return device


def read_folders(name: str) -> tuple[Path, ...]:
    """Existing folders, separated by commas; links are followed once, here."""
    return tuple(_existing_folder(name, word) for word in read_words(name))


def _existing_folder(name: str, word: str) -> Path:
    folder = Path(word).expanduser()
    if not folder.is_absolute():
        raise refusal(name, word, "it is not an absolute path", "write the whole path, beginning with /")
    if not folder.is_dir():
        raise refusal(name, word, "there is no such folder", "create it, or correct the path")
    return folder.resolve()


def read_state_folder(name: str, default: Path) -> Path:
    """The folder for everything that Stockproof keeps, created when missing (mode 0700)."""
    folder = Path(read_text(name, str(default))).expanduser()
    folder = folder if folder.is_absolute() else default.parent / folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"this folder cannot be made ({error.strerror})"
        raise refusal(name, str(folder), why, "name a folder that you may write to") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise refusal(name, str(folder), "it cannot be written to", "name a folder that you may write to")
    return folder.resolve()


def read_database(name: str, default: str) -> dict[str, Any]:
    """Django's connection settings from the database URL in this variable."""
    return database_from(read_text(name, default), name)


def database_from(url: str, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Django's connection settings from a database URL (sqlite:///… or postgres://…).

    The rest of a wrong URL may hold a password, so a refusal shows its scheme only.
    """
    scheme = url.partition("://")[0]
    if scheme not in DATABASE_SCHEMES:
        why = "it must begin with postgres:// or sqlite:///"
        raise refusal(name, f"{scheme[:20]}…", why, "write postgres://user:password@host:5432/database")
    shown = f"{scheme}://…"
    try:
        database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, KeyError, IndexError) as error:
        why = f"it cannot be read ({type(error).__name__})"
        raise refusal(name, shown, why, "write %25 and %40 for % and @ in a password") from error
    if not database["NAME"] or database["NAME"] == ":memory:":
        why = "it names no database that several processes can share"
        raise refusal(name, shown, why, "end it with /database, or with the path of a file")
    return database


def kept_secret(path: Path) -> str:
    """The secret in this file, made once (mode 0600) by whichever process comes first.

    The text is written aside and linked into place, so no process ever reads half of it.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(MADE_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _link_if_first(draft, path)
    secret = path.read_text().strip()
    if not secret:
        raise ImproperlyConfigured(f"{path} is empty: restore it, or delete it to have a new secret made.")
    return secret


def _link_if_first(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
