"""`workers` and `serve`: services, whose log tells what they do."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, django
django.setup()
from processing.management.commands.workers import log_each_batch
log_each_batch()
logging.getLogger("processing").info("told")
print(os.environ["LOG_LEVEL"])
"""


@pytest.mark.parametrize(
    ("given", "told", "for_children"), [("", ["told"], "info"), ("warning", [], "warning")]
)
def test_service_logs_from_info_up_unless_a_level_is_given(
    given: str, told: list[str], for_children: str
) -> None:
    environment = {**os.environ, "LOG_LEVEL": given, "DJANGO_SETTINGS_MODULE": "config.settings"}

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )

    messages = [json.loads(line)["message"] for line in ended.stderr.splitlines()]
    assert (messages, ended.stdout.strip()) == (told, for_children)
