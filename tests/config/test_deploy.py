"""`manage.py check --deploy` in the configuration that is served beyond loopback."""

import re

import pytest
from django.core.management import get_commands

from tests.commands.running import MANAGE, run_process

KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SERVED = {
    "STOCKPROOF_SERVED": "public",
    "SECRET_KEY": KEY,
    "STOCKPROOF_CHECKPOINT_KEYS": KEY,
    "ALLOWED_HOSTS": "photos.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://photos.example.com",
}


@pytest.mark.parametrize(
    ("changed", "exit_code"), [({}, 0), ({"SECRET_KEY": "short"}, 1), ({"DEBUG": "on"}, 1)]
)
def test_deployment_check_is_clean_as_served_and_fails_on_a_fault(
    changed: dict[str, str], exit_code: int
) -> None:
    ended = run_process("check", "--deploy", "--fail-level", "WARNING", **SERVED | changed)

    assert ended.returncode == exit_code, ended.stderr
    assert ("no issues" in ended.stdout) == (exit_code == 0)


def test_page_on_deployment_names_commands_that_there_are_and_the_stop_that_workers_need() -> None:
    text = (MANAGE.parent / "docs" / "deploy.md").read_text()

    named = set(re.findall(r"manage\.py ([a-z_]+)", text)) - {"createsuperuser"}

    assert named <= set(get_commands())
    assert {"serve", "workers", "migrate", "verify", "audit"} <= named
    assert "\n    KillMode=mixed\n" in text
