"""`demo`: everything that it kills, how it goes on, and a proof that can fail."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from processing.management.commands.demo import Command, differences
from processing.management.failures import IntegrityFailed
from processing.models import ImageResult, ProcessingSession
from processing.states import Verdict
from recovery.models import Crash
from tests.commands.running import MANAGE, strange_folder
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal

DEMO_S = 180


def judged_session() -> ProcessingSession:
    """A completed part of a session: one photo approved, one rejected for its noise."""
    session = make_session(total=2, found_count=2)
    batch = make_batch(session=session, worker=make_worker(), photos_count=2)
    rows = [
        make_result(batch=batch, position=0),
        make_result(batch=batch, position=1, verdict=Verdict.REJECTED, reason="noise"),
    ]
    batch.commit(rows, no_seal)
    session.refresh_from_db()
    return session


def expected(*photos: tuple[str, str, tuple[str, ...]]) -> list[Any]:
    """What the demo knows of its photos beforehand."""
    from processing.analysis.samples import Expected  # noqa: PLC0415 -- slow import

    return [Expected(name, verdict, reasons, "clean", 0) for name, verdict, reasons in photos]


GOOD = ("000000.jpg", "approved", ())
NOISY = ("000001.jpg", "rejected", ("noise",))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("known", "names"),
    [
        ([GOOD, NOISY], []),
        ([GOOD, ("000001.jpg", "approved", ())], ["000001.jpg"]),
        ([GOOD, ("000001.jpg", "rejected", ("noise", "similar"))], ["000001.jpg"]),
        ([GOOD], ["000001.jpg"]),
        ([GOOD, NOISY, ("2.jpg", "approved", ())], ["2.jpg"]),
    ],
    ids=["none", "verdict", "reasons", "a photo more", "a photo less"],
)
def test_differences_name_each_photo_that_is_not_as_known(known: list[Any], names: list[str]) -> None:
    found = differences(judged_session(), expected(*known))

    assert [line.partition(":")[0] for line in found] == names


@pytest.mark.django_db
def test_demo_ends_with_6_when_its_proof_does_not_hold() -> None:
    session = judged_session()
    ImageResult.objects.filter(position=1).update(superseded_by=1)

    with pytest.raises(IntegrityFailed) as refused:
        Command()._prove(session, expected(GOOD))

    assert (refused.value.exit_code, refused.value.session) == (6, str(session.pk))


def free_port() -> int:
    """Give a port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer_of(url: str) -> int:
    """Ask for a page until the web process, which is starting, answers; give the status code."""
    deadline = time.monotonic() + DEMO_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 -- our own server
                return int(page.status)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise


@pytest.mark.kill
@pytest.mark.vendor("sqlite")
@pytest.mark.django_db(transaction=True)
def test_demo_kills_everything_inside_a_chunk_recovers_proves_that_nothing_was_lost_and_serves(
    tmp_path: Path, database_url: str
) -> None:
    port, folder = free_port(), strange_folder(tmp_path / "strange")
    command = [sys.executable, str(MANAGE), "demo", "--json", "--bind", f"127.0.0.1:{port}"]
    environment = {**os.environ, "DATABASE_URL": database_url}
    environment.pop("LOG_LEVEL", None)
    told = folder / "told"
    with (
        told.open("w") as file,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=file, encoding="utf-8"
        ) as demo,
    ):
        assert demo.stdout is not None
        printed = (json.loads(line) for line in demo.stdout)
        lines = list(takewhile(lambda line: line["type"] != "serving", printed))
        status = answer_of(f"http://127.0.0.1:{port}/healthz")
        demo.send_signal(signal.SIGTERM)
        ended = demo.wait(DEMO_S)

    proof, crash = lines[-1], Crash.objects.get()
    assert (status, ended) == (200, 0)
    assert proof == {
        "type": "proof",
        "session": proof["session"],
        "photos": 60,
        "results": 60,
        "missing": 0,
        "doubled": 0,
        "counters_differ": False,
        "different": 0,
        "holds": True,
    }
    kinds = [line["type"] for line in lines if line["type"] != "status"]
    assert kinds == ["crash", "option", "option", "option", "recovery", "summary", "proof"]
    assert (crash.interrupts, crash.closed_by.option) == (True, "continue")
    assert crash.discarded_count > 0
    said = told.read_text()
    assert ("The run was interrupted. " in said, "process buried" in said) == (True, False)
