"""Each drawn fault ends with exactly its own reason."""

from pathlib import Path

import pytest

from processing.analysis.pipeline import Pipeline
from processing.analysis.verdict import ADOBE_STOCK, judge
from tests.photos import FAULTS, write_photo


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline("cpu")


@pytest.mark.parametrize("fault", [None, *FAULTS])
@pytest.mark.parametrize("seed", range(4))
def test_photo_gets_exactly_its_reasons_when_drawn_with_one_fault(
    tmp_path: Path, pipeline: Pipeline, fault: str | None, seed: int
) -> None:
    path = tmp_path / "photo"
    expected = write_photo(path, seed=seed, fault=fault)

    measured = pipeline.measure([pipeline.prepare(path.read_bytes())])[0]

    judgement = judge(measured, ADOBE_STOCK)
    assert [reason.code for reason in judgement.reasons] == expected, measured.measures
