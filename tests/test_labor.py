"""Lines of workers: what each does, in honest words, and which stage holds the work up."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from processing.labor import bottleneck_of, line_of
from processing.models import Worker
from processing.recorder import FlightRecorder
from tests.factories import make_session, make_worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[FlightRecorder]:
    """The recorder of a worker of this host."""
    with override_settings(STOCKPROOF_VAR=tmp_path):
        opened = FlightRecorder()
        yield opened
        opened.close()


def made_line(**columns: Any) -> Any:
    """Give the line of a worker with these columns."""
    worker = make_worker(**columns)
    return line_of(Worker.objects.annotate(now=Now()).get(pk=worker.pk))


def test_line_says_what_a_worker_does_and_needs() -> None:
    session = make_session()

    busy = made_line(
        lane_session=session,
        device="cpu",
        telemetry={"rss_bytes": 1_300_000_000, "photo": "a.jpg", "rate_per_s": 2},
    )
    idle = made_line()

    assert (busy.state, busy.memory, busy.photo, busy.rate_per_s) == ("Analyzing", "1.3\u00a0GB", "a.jpg", 2)
    assert (idle.state, idle.memory, idle.is_delayed) == ("Waiting for work", "", False)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"database_tries": 3}, "Waiting for the database, try 3"),
        ({"source_tries": 2}, "Reading a photo again, try 2"),
        ({"database_tries": 0, "source_tries": 0}, "Analyzing"),
    ],
)
def test_line_says_what_a_worker_of_this_host_tries_again(
    recorder: FlightRecorder, facts: dict[str, int], state: str
) -> None:
    recorder.note(**facts)

    line = made_line(token=recorder.token, host=socket.gethostname(), lane_session=make_session())

    assert (line.state, line.is_delayed) == (state, state != "Analyzing")


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ({"read": 0.1, "decode": 0.2}, ""),
        ({"read": 3.0, "decode": 3.0, "measure": 3.0}, ""),
        ({"read": 1.0, "decode": 9.0}, "Most of the time, 90\u00a0%, goes into decoding. More workers"),
        (
            {"read": 8.0, "commit": 2.0},
            "Most of the time, 80\u00a0%, goes into reading the files. A faster disk",
        ),
        ({}, ""),
    ],
)
def test_bottleneck_is_named_when_one_stage_stands_out(stages: dict[str, float], words: str) -> None:
    workers = [SimpleNamespace(telemetry={"stages": stages}), SimpleNamespace(telemetry={})]

    sentence = bottleneck_of(workers)

    assert sentence.startswith(words)
    assert bool(sentence) == bool(words)
