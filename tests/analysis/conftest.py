"""One pipeline on the CPU for all tests of the analysis."""

import pytest

from processing.analysis.pipeline import Pipeline


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline("cpu")
