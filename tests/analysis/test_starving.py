"""Want of memory is never a photo's verdict: real allocations fail in every decoder."""

import json
import subprocess
import sys

import pytest

from processing.analysis.records import PhotoRefused, pass_on_trouble
from tests.crash.studio import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="Only Linux holds a process to a limit of its address space (RLIMIT_AS)."
)
FORMATS = {
    "JPEG": [],
    "progressive JPEG": ["progressive=1"],
    "PNG": ["compress_level=1"],
    "TIFF": [],
    "WEBP": ["method=0"],
    "HEIF": [],
    "AVIF": ["speed=10"],
}


@pytest.mark.long
@pytest.mark.kill
@pytest.mark.parametrize("name", FORMATS)
def test_photo_is_measured_or_memory_is_said_to_be_short_whatever_room_there_is(name: str) -> None:
    command = [sys.executable, "-m", "tests.analysis.starving", name.split()[-1], *FORMATS[name]]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)

    outcomes = list(json.loads(ended.stdout).values())
    assert set(outcomes) - {"MemoryError"} == {"measured"}, ended.stdout
    assert outcomes[-1] == "measured"


@pytest.mark.parametrize("text", ["Insufficient memory (case 4)", "Memory allocation error: 36 failed"])
def test_decoders_words_for_want_of_memory_are_a_memory_error(text: str) -> None:
    with pytest.raises(MemoryError, match=text.partition(" (")[0]):
        pass_on_trouble(ValueError(text))


def test_words_for_damage_and_want_of_memory_say_damage_when_there_is_room() -> None:
    error = PhotoRefused("unreadable", None, None, "could not create decoder object")

    assert pass_on_trouble(error) is None
