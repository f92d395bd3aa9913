"""What the doctor asks of the analysis."""

import json
import subprocess
import sys

from processing.analysis.selfcheck import PICTURES, check_decoders, check_device


def test_decoders_are_well_when_every_format_is_decoded() -> None:
    text, hint = check_decoders()

    assert (text, hint) == ("Decoded: JPEG, PNG, TIFF, WEBP, HEIF, AVIF.", "")


def test_decoders_are_not_well_when_one_format_is_not_decoded() -> None:
    text, hint = check_decoders({**PICTURES, "AVIF": PICTURES["AVIF"][:64]})

    assert (text, hint) == ("Not decoded: AVIF.", "Install the packages of constraints.txt again.")


def test_device_is_not_well_when_nobody_knows_it() -> None:
    text, hint = check_device("toaster")

    assert (text, hint) == (
        "Device 'toaster' is not known: use auto, cpu or cuda:N.",
        "Correct STOCKPROOF_DEVICE.",
    )


def test_selfcheck_prints_one_json_line_per_check_when_run_as_a_program() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "processing.analysis.selfcheck", "cpu"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    printed = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(one["name"], one["hint"]) for one in printed] == [("device", ""), ("decoders", "")]
    assert (ended.returncode, ended.stderr) == (0, "")
