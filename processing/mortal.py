"""Dying with the parent: no process of ours outlives the one that started it."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
ORPHANED_EXIT = 85
WATCH_S = 0.5


def die_with_parent(parent_pid: int) -> None:
    """End this process when its parent ends, or now if it is gone already.

    The kernel does it on Linux (prctl(2)); elsewhere a thread looks twice a second who the parent is.
    test: test_cluster_is_started_again_when_it_was_killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=watch_parent, args=(parent_pid,), daemon=True, name="parent-watch").start()
    if os.getppid() != parent_pid:
        os._exit(ORPHANED_EXIT)


def watch_parent(parent_pid: int) -> None:
    """End this process as soon as it has another parent, which is what becomes of an orphan.

    test: test_orphan_ends_by_itself_when_no_kernel_ends_it.
    """
    while os.getppid() == parent_pid:
        time.sleep(WATCH_S)
    os._exit(ORPHANED_EXIT)
