"""Real photos, all the way: a worker killed meanwhile changes nothing. Needs STOCKPROOF_PHOTOS, a folder of them."""

import json
import os
from pathlib import Path

import pytest

from processing.models import ImageResult, ProcessingSession
from processing.proof import prove
from processing.states import Status
from tests.commands.running import run_process

PHOTOS = os.environ.get("STOCKPROOF_PHOTOS", "")
COUNT = 12

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(not PHOTOS, reason="STOCKPROOF_PHOTOS is unset: it names a folder of real photos"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Link some real photos, spread over the folder, into one of our own."""
    folder = tmp_path / "real"
    folder.mkdir()
    names = sorted(path for path in Path(PHOTOS).iterdir() if path.is_file())
    for path in names[:: max(1, len(names) // COUNT)][:COUNT]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.django_db(transaction=True)
def test_each_real_photo_gets_one_verdict_with_its_reasons(
    source: Path, tmp_path: Path, database_url: str
) -> None:
    ended = run_process(
        "process",
        str(source),
        "--workers",
        "2",
        "--json",
        DATABASE_URL=database_url,
        STOCKPROOF_VAR=str(tmp_path / "var"),
    )

    session = ProcessingSession.objects.get()
    assert (ended.returncode, session.status) == (0, Status.COMPLETED), ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["processed"] == COUNT
    assert prove(session).holds
    rows = ImageResult.objects.live().filter(session=session).in_order()
    assert [row.path_text for row in rows] == sorted(path.name for path in source.iterdir())
    assert all(bool(row.reasons) == (row.verdict != "approved") and row.width_px for row in rows)
