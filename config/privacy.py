"""What a process keeps to itself: its files, and its memory when it dies."""

import os
import resource

PRIVATE_UMASK = 0o077


def keep_private() -> None:
    """Let nobody else read what this process and its children write, and leave no image of their memory at a crash.

    A core file holds keys and photos. test: test_process_keeps_its_files_and_its_memory_to_itself.
    """
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
