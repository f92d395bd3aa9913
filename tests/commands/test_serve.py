"""`serve`: its address, the first user, and no open doors beyond this machine."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.test import RequestFactory
from pytest_django import Settings

from config.checks import check_weak_settings, weak_settings
from processing.management.commands.serve import bind_address
from processing.management.failures import Misconfigured
from processing.management.first_user import FIRST_USERNAME, make_first_user
from processing.models import Worker
from tests.commands.running import run

LONG_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8000", ("127.0.0.1", 8000)),
        (":8000", ("127.0.0.1", 8000)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 -- read, never bound
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_bind_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert bind_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:65536", "host:-1", "1:2:x"])
def test_bind_address_is_refused_when_it_names_no_port(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not HOST:PORT"):
        bind_address(text)


@pytest.mark.django_db
def test_first_user_is_made_once_with_a_password_that_works() -> None:
    password = make_first_user()
    again = make_first_user()

    user = authenticate(RequestFactory().post("/login/"), username=FIRST_USERNAME, password=password)
    assert user is not None
    assert (user.is_superuser, again, get_user_model().objects.count()) == (True, None, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "weak", "why"),
    [
        ("SECRET_KEY", "short", "a key of SECRET_KEY can be guessed"),
        ("SECRET_KEY", "abcd" * 20, "a key of SECRET_KEY can be guessed"),
        (
            "STOCKPROOF_CHECKPOINT_KEYS",
            [LONG_KEY, "old"],
            "a key of STOCKPROOF_CHECKPOINT_KEYS can be guessed",
        ),
        ("DEBUG", True, "DEBUG shows settings and code to everybody"),
        ("ALLOWED_HOSTS", ["*"], "ALLOWED_HOSTS takes any name"),
    ],
)
def test_serve_is_refused_beyond_this_machine_with_a_weak_setting(
    settings: Settings, name: str, weak: object, why: str
) -> None:
    settings.SECRET_KEY_IS_GIVEN = settings.STOCKPROOF_CHECKPOINT_KEYS_ARE_GIVEN = True
    settings.STOCKPROOF_SOURCE_ROOTS = (Path("/photos"),)
    settings.SECRET_KEY, settings.STOCKPROOF_CHECKPOINT_KEYS = LONG_KEY, [LONG_KEY]
    settings.ALLOWED_HOSTS = ["photos.example.com"]
    settings.DEBUG = False
    sound = weak_settings()
    setattr(settings, name, weak)

    with pytest.raises(Misconfigured) as refused:
        run("serve", "--bind", "0.0.0.0:8000")

    assert (sound, str(refused.value)) == ([], f"Serving beyond this machine is refused: {why}.")
    assert [warning.msg[1:] for warning in check_weak_settings()] == [f"{why[1:]}."]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "missing", "what"),
    [
        ("SECRET_KEY_IS_GIVEN", False, ("a key of your own to sign with", "SECRET_KEY")),
        (
            "STOCKPROOF_CHECKPOINT_KEYS_ARE_GIVEN",
            False,
            ("keys of your own for checkpoints", "STOCKPROOF_CHECKPOINT_KEYS"),
        ),
        ("STOCKPROOF_SOURCE_ROOTS", (), ("the folders that sessions may read", "STOCKPROOF_SOURCE_ROOTS")),
    ],
)
def test_serve_is_refused_beyond_this_machine_without_keys_or_roots(
    settings: Settings, name: str, missing: object, what: tuple[str, str]
) -> None:
    settings.SECRET_KEY_IS_GIVEN = settings.STOCKPROOF_CHECKPOINT_KEYS_ARE_GIVEN = True
    settings.STOCKPROOF_SOURCE_ROOTS = (Path("/photos"),)
    setattr(settings, name, missing)

    with pytest.raises(Misconfigured) as refused:
        run("serve", "--bind", "0.0.0.0:8000")

    assert (str(refused.value), refused.value.exit_code, refused.value.hint) == (
        f"Serving beyond this machine needs {what[0]}.",
        1,
        f"Set {what[1]}.",
    )
    assert (Worker.objects.count(), get_user_model().objects.count()) == (0, 0)
