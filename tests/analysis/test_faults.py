"""Each drawn fault ends with exactly its own reason."""

from pathlib import Path

import pytest

from processing.analysis.pipeline import Pipeline
from processing.analysis.verdict import ADOBE_STOCK, judge
from tests.photos import FAULTS, write_photo


@pytest.mark.parametrize("fault", [None, *FAULTS])
@pytest.mark.parametrize("seed", range(3))
def test_photo_gets_exactly_its_reasons_when_drawn_with_one_fault(
    tmp_path: Path, pipeline: Pipeline, fault: str | None, seed: int
) -> None:
    path = tmp_path / "photo"
    expected = write_photo(path, seed=seed, fault=fault)

    measured = pipeline.measure([pipeline.prepare(path.read_bytes())])[0]

    judgement = judge(measured, ADOBE_STOCK)
    assert [reason.code for reason in judgement.reasons] == expected, measured.measures


def test_small_png_lists_every_broken_file_rule(tmp_path: Path, pipeline: Pipeline) -> None:
    path = tmp_path / "photo"
    write_photo(path, width=400, height=300, fault="png")

    measured = pipeline.measure([pipeline.prepare(path.read_bytes())])[0]

    judgement = judge(measured, ADOBE_STOCK)
    assert judgement.verdict == "rejected"
    assert [reason.code for reason in judgement.reasons] == ["not_jpeg", "too_small"]
