"""Runs commands: in this process for what they do, as processes of their own for what a shell sees."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
TIMEOUT_S = 60
POLL_S = 0.01


@dataclass(frozen=True)
class Printed:
    """What a command printed."""

    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(name: str, *arguments: str) -> Printed:
    """Run a command in this process; what it refuses it raises."""
    out, err = StringIO(), StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return Printed(out.getvalue(), err.getvalue())


def run_until_printed(name: str, *arguments: str, then: Callable[[], None]) -> tuple[Printed, bool]:
    """Run a command, and do something once it has printed its first line; gives also whether that was done by its end."""
    out, err = StringIO(), StringIO()
    done = threading.Event()
    thread = threading.Thread(target=_do_when_printed, args=(out, err, then, done))
    thread.start()
    call_command(name, *arguments, stdout=out, stderr=err)
    was_done = done.is_set()
    thread.join(TIMEOUT_S)
    return Printed(out.getvalue(), err.getvalue()), was_done


def _do_when_printed(out: StringIO, err: StringIO, then: Callable[[], None], done: threading.Event) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not (out.getvalue() or err.getvalue()) and time.monotonic() < deadline:
        done.wait(POLL_S)
    then()
    connection.close()
    done.set()


def strange_folder(folder: Path) -> Path:
    """Make a folder with packages that are called as ours are, and end whatever imports them."""
    for name in ("config", "processing", "recovery"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('imported from a strange folder')")
    return folder


def run_process(
    *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` as a shell would that stands in a folder."""
    return subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
