"""How a module of this program is started as another process, from whatever folder the program itself was started."""

import os

from django.conf import settings


def arguments_of(module: str, *arguments: str) -> list[str]:
    """Give what the interpreter is told to run a module.

    -P keeps the folder that it is started from out of its path, which may hold a `processing` of its own.
    test: test_resume_with_wait_goes_on_to_the_end_from_any_folder.
    """
    return ["-P", "-m", module, *arguments]


def environment_of() -> dict[str, str]:
    """Give this process's environment, with the folder that the module is in before others."""
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
