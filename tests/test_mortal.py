"""No process of ours outlives the one that started it."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.crash.studio import until

ORPHAN = (
    "import os; from processing.mortal import watch_parent; parent = os.getppid();"
    "print(os.getpid(), flush=True); watch_parent(parent)"
)
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ORPHAN!r}])"


def is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_orphan_ends_by_itself_when_no_kernel_ends_it() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as parent:
        assert parent.stdout is not None
        orphan_pid = int(parent.stdout.readline())

        parent.send_signal(signal.SIGKILL)

        # The orphan holds the other end of the pipe, so the pipe ends when the orphan does, a moment before it is gone.
        assert parent.stdout.read() == ""
    until(lambda: not is_running(orphan_pid))


def test_process_ends_at_once_when_its_parent_is_gone_already() -> None:
    late = "from processing.mortal import die_with_parent; die_with_parent(1 << 22)"

    ended = subprocess.run([sys.executable, "-c", late], cwd=Path.cwd(), check=False)

    assert ended.returncode == 85
