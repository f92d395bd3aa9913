"""What a process keeps to itself."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.running import MANAGE

# What every command does first; then it shows how it stands.
PROGRAM = """
import os, pathlib, sys
os.umask(0o022)
from {module} import {name}
{name}()
pathlib.Path(sys.argv[1], "file").write_text("x")
print(pathlib.Path("/proc/self/limits").read_text())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="The kernel's files are Linux's.")
def test_process_keeps_its_files_and_its_memory_to_itself(tmp_path: Path) -> None:
    program = PROGRAM.format(module="config.privacy", name="keep_private")
    command = [sys.executable, "-c", program, str(tmp_path)]

    shown = subprocess.run(command, cwd=MANAGE.parent, capture_output=True, text=True, check=True)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert re.search(r"^Max core file size +0 +0 +bytes", shown.stdout, re.MULTILINE)


def test_state_folder_and_all_in_it_are_for_its_owner_alone(tmp_path: Path) -> None:
    var = tmp_path / "var"
    environment = {**os.environ, "STOCKPROOF_VAR": str(var)}
    command = ["/bin/sh", "-c", f'umask 022; "{sys.executable}" "{MANAGE}" check']

    subprocess.run(command, env=environment, check=True, capture_output=True)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (var, *var.rglob("*"))}
    assert {"var", "secret_key", "stockproof.sqlite3"} <= modes.keys()
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
