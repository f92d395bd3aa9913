"""The comparison of constraints.txt with the environment, which .ci/run relies on."""

import re
import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "constraints.py"


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({"torch": "2.13.0", "a-b": "1"}, []),
        ({"torch": "2.13.1", "a-b": "1"}, ["torch: installed 2.13.1, constraints.txt 2.13.0"]),
        ({"torch": "2.13.0"}, ["a-b: installed None, constraints.txt 1"]),
        ({"torch": "2.13.0", "a-b": "1", "c": "3"}, ["c: installed 3, constraints.txt None"]),
    ],
)
def test_constraints_name_each_package_that_differs(environment: dict[str, str], lines: list[str]) -> None:
    script = runpy.run_path(str(SCRIPT))

    found = script["differences"](environment, script["constrained"]("torch==2.13.0\nA_b==1\n"))

    assert found == lines


def test_constraints_file_has_exact_versions_and_nothing_else() -> None:
    lines = (SCRIPT.parent.parent / "constraints.txt").read_text().splitlines()

    odd = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert odd == []
    assert "torch==2.13.0" in lines
