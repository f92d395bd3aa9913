"""`serve` as people start it: the web process that dies is started again under the same parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.running import MANAGE
from tests.config.test_web import ask, free_port
from tests.crash.studio import until


def web_pids(parent_pid: int) -> list[int]:
    """Give the web processes of a parent."""
    processes = [folder for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    return [int(folder.name) for folder in processes if _is_web_of(folder, parent_pid)]


def _is_web_of(folder: Path, parent_pid: int) -> bool:
    try:
        command = (folder / "cmdline").read_bytes().split(b"\0")
        parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return b"config.web" in command and parent == parent_pid


def is_healthy(port: int) -> bool:
    """Whether the pages answer."""
    try:
        return ask(port, "/healthz") == (200, "ok\n")
    except OSError:
        return False


@pytest.mark.kill
@pytest.mark.skipif(sys.platform != "linux", reason="Processes are found in /proc.")
def test_web_process_is_started_again_when_it_was_killed(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(MANAGE), "serve", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"STOCKPROOF_VAR": str(tmp_path), "DATABASE_URL": ""}
    with subprocess.Popen(command, env=environment, **quiet) as serve:
        try:
            until(lambda: is_healthy(port))
            [first] = web_pids(serve.pid)
            os.kill(first, signal.SIGKILL)
            until(lambda: web_pids(serve.pid) not in ([], [first]) and is_healthy(port))
        finally:
            serve.terminate()

    assert serve.returncode == 0
