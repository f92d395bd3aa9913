"""What all simulations need: no tracer in the loops that take thousands of steps."""

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    """Stop coverage meanwhile: it costs more than the steps, and does not follow greenlets."""
    coverage = Coverage.current()
    if coverage is not None:
        coverage.stop()
    yield
    if coverage is not None:
        coverage.start()
