"""Everything is killed; who opens the pages afterwards is told, says yes, and loses nothing."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from playwright.sync_api import expect

from processing.models import ImageResult
from processing.states import Status
from tests.browser.conftest import Window
from tests.browser.test_pages import sign_in
from tests.browser.test_recovery import number
from tests.crash.conftest import draw_folder
from tests.crash.studio import Studio, until
from tests.crash.test_parent_deaths import free_port, wait_for_results
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.kill, pytest.mark.vendor("sqlite")]
PHOTOS_COUNT = 40


@pytest.fixture
def studio(tmp_path: Path, transactional_db: None, database_url: str, settings: object) -> Iterator[Studio]:
    """An installation on the database of this test."""
    studio = Studio(tmp_path / "studio", database_url, draw_folder(tmp_path / "photos", PHOTOS_COUNT))
    settings.STOCKPROOF_VAR = studio.var
    yield studio
    studio.kill_everything()


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def make_owner() -> User:
    """Make somebody whose password the server's own process can check."""
    ines = make_user()
    ines.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1)
    ines.save()
    return ines


def test_session_is_recovered_from_the_dialog_after_everything_was_killed(
    studio: Studio, window: Window
) -> None:
    # Fixtures end in the order opposite to this one: the window must be closed before its server is killed,
    # for a page that still asks every two seconds would complain of that.
    ines, page = make_owner(), window.page
    wait_for_results(studio.process())
    studio.kill_everything()
    port = free_port()
    address = f"127.0.0.1:{port}"
    serve = studio.start("serve", "--bind", address, "--workers", "1")
    until(lambda: answers(port))
    until(lambda: studio.session().status == Status.INTERRUPTED)
    kept = set(ImageResult.objects.values_list("pk", flat=True))

    sign_in(page, f"http://{address}", ines)
    expect(page.locator("#recovery-dialog #go-on")).to_be_visible()
    shown = {name: number(page, "continue", name) for name in ("keep", "redo", "left")}
    page.locator("#go-on").click()
    expect(page.get_by_text("What was done", exact=True)).to_be_visible()
    until(lambda: studio.session().status == Status.COMPLETED)

    assert serve.process.poll() is None, serve.log()
    assert shown == {"keep": len(kept), "redo": 0, "left": PHOTOS_COUNT - len(kept)}
    live = ImageResult.objects.live().order_by("position")
    assert kept <= set(live.values_list("pk", flat=True))
    assert list(live.values_list("position", flat=True)) == list(range(PHOTOS_COUNT))
