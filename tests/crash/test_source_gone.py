"""The photos vanish under the run: an unplugged disk is no verdict on a photo."""

import shutil
from pathlib import Path

import pytest

from processing.models import ImageResult
from processing.states import Status
from recovery.models import Crash
from tests.crash.proof import assert_emergency_told, assert_exact
from tests.crash.studio import Studio, until

pytestmark = pytest.mark.kill


@pytest.mark.vendor("sqlite")
def test_session_fails_and_goes_on_when_its_source_is_back(
    studio: Studio, undisturbed: str, tmp_path: Path
) -> None:
    originals, away = tmp_path / "disk", tmp_path / "away"
    studio.photos = Path(shutil.copytree(studio.photos, originals))
    run = studio.process()
    until(ImageResult.objects.exists)

    originals.rename(away)
    exit_code = run.end()

    session = studio.session()
    assert exit_code == 1, run.log()
    assert session.status == Status.FAILED
    assert str(originals) in session.last_error
    assert ImageResult.objects.filter(verdict="unreadable").count() == 0
    assert_emergency_told(studio, session)
    kept = set(ImageResult.objects.values_list("pk", flat=True))
    away.rename(originals)
    recovery = studio.recover().lines("recovery")[0]
    assert_exact(studio, undisturbed)
    assert (recovery["keep"], recovery["redo"]) == (len(kept), 0)
    assert kept <= set(ImageResult.objects.values_list("pk", flat=True))
    assert Crash.objects.count() == 0
