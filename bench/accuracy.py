"""How many labelled faults the Adobe Stock preset finds, and how many clean photos it flags.

python -m bench.accuracy OUT --tool make_labelled.py --photos FOLDER   makes the labelled set in OUT first
python -m bench.accuracy OUT                                           uses the set that is there

Sources are split into calibration and test in runs of four by name, so that views of one subject, which stand side
by side, stay together. Limits are chosen on the calibration half; the bar is held against the test half.
"""

import argparse
import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from processing.analysis.pipeline import Pipeline
from processing.analysis.verdict import ADOBE_STOCK, judge

BLUR = frozenset({"out_of_focus", "motion_blur"})
EXPECTED = {
    "defocus": BLUR,
    "gaussian_blur": BLUR,
    "motion_blur": BLUR,
    "sensor_noise": frozenset({"noise"}),
    "underexposed": frozenset({"underexposed"}),
    "overexposed": frozenset({"overexposed"}),
    "low_contrast": frozenset({"low_contrast"}),
    "oversaturated": frozenset({"oversaturated"}),
    "jpeg": frozenset({"compression_artifacts"}),
    "jpeg_hidden": frozenset({"compression_artifacts"}),
    "truncated": frozenset({"truncated"}),
}
IN_THE_BAR = ("defocus", "gaussian_blur", "motion_blur", "sensor_noise", "underexposed", "overexposed")
RECALL_MIN, CLEAN_FLAGGED_MAX = 0.80, 0.10
PLAIN_LEVEL = "2"
RUN_LENGTH = 4
FILE_RULES = frozenset({"not_jpeg", "colour_space", "too_small", "too_large", "file_too_big"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One labelled file and the reasons that its pixels gave."""

    source: str
    defect: str
    codes: frozenset[str]


def make_set(tool: Path, photos: Path, out: Path) -> None:
    """Run the maker of labelled sets: sources, three levels of each defect, labels.csv."""
    command = [sys.executable, str(tool), str(photos), str(out), "--what", "defects", "--levels", PLAIN_LEVEL]
    subprocess.run(command, check=True)


def judge_file(task: tuple[str, str, str]) -> Outcome:
    """Measure and judge one labelled file; file rules are left out, the set is 4.2 MP by construction."""
    path, source, defect = task
    pipeline = _pipeline()
    measured = pipeline.measure([pipeline.prepare(Path(path).read_bytes())])[0]
    codes = {reason.code for reason in judge(measured, ADOBE_STOCK).reasons}
    return Outcome(source, defect, frozenset(codes - FILE_RULES))


_opened: list[Pipeline] = []


def _pipeline() -> Pipeline:
    if not _opened:
        _opened.append(Pipeline("cpu"))
    return _opened[0]


def read_labels(out: Path) -> list[tuple[str, str, str]]:
    """The clean files and the plain level of every defect that has a reason code."""
    with (out / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        (str(out / row["file"]), row["source"], row["defect"])
        for row in rows
        if row["defect"] == "clean" or (row["defect"] in EXPECTED and row["level"] == PLAIN_LEVEL)
    ]


def split_sources(sources: Iterable[str]) -> dict[str, str]:
    """Name the half of each source: runs of four by name, in turn."""
    names = ("calibration", "test")
    return {source: names[place // RUN_LENGTH % 2] for place, source in enumerate(sorted(set(sources)))}


def count_shares(outcomes: list[Outcome]) -> dict[str, float]:
    """Share of each defect that got a fitting reason, and of clean photos that got any, as "clean"."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        fitting = outcome.codes if outcome.defect == "clean" else outcome.codes & EXPECTED[outcome.defect]
        hits[outcome.defect].append(bool(fitting))
    return {defect: sum(found) / len(found) for defect, found in hits.items()}


def print_table(halves: dict[str, list[Outcome]]) -> dict[str, dict[str, float]]:
    """Print one line per defect, then the clean photos that were flagged, by name."""
    shares = {half: count_shares(outcomes) for half, outcomes in halves.items()}
    print(f"{'recall at the plain level':28}" + "".join(f"{half:>14}" for half in shares))
    for defect in EXPECTED:
        print(f"{defect:28}" + "".join(f"{share[defect]:14.2f}" for share in shares.values()))
    print(f"{'clean photos flagged':28}" + "".join(f"{share['clean']:14.2f}" for share in shares.values()))
    for half, outcomes in halves.items():
        for outcome in outcomes:
            if outcome.defect == "clean" and outcome.codes:
                print(f"  {half}: {outcome.source}: {', '.join(sorted(outcome.codes))}")
    return shares


def main() -> int:
    """Print the table; exit 1 when the test half misses the bar."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--tool", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    if asked.tool and asked.photos:
        make_set(asked.tool, asked.photos, asked.out)
    with ProcessPoolExecutor(asked.jobs) as pool:
        outcomes = list(pool.map(judge_file, read_labels(asked.out), chunksize=8))
    half = split_sources(outcome.source for outcome in outcomes)
    halves = {name: [one for one in outcomes if half[one.source] == name] for name in ("calibration", "test")}
    test = print_table(halves)["test"]
    missed = [defect for defect in IN_THE_BAR if test[defect] < RECALL_MIN]
    if missed or test["clean"] > CLEAN_FLAGGED_MAX:
        print(f"below the bar: {', '.join(missed) or 'clean photos flagged'}")
        return 1
    print(
        f"bar held: each of {', '.join(IN_THE_BAR)} at least {RECALL_MIN}, clean at most {CLEAN_FLAGGED_MAX}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
