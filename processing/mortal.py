"""Dying with the parent: no process of ours outlives the one that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ORPHANED_EXIT = 85


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent ends (prctl(2), Linux); end now if it is gone already.

    test: test_cluster_is_started_again_when_it_was_killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(ORPHANED_EXIT)
