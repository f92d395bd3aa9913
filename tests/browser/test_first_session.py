"""Somebody who has never been here signs in, proofs a folder and sees why a photo was refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from processing.models import ProcessingSession
from tests.browser.conftest import Window
from tests.browser.test_kill import answers, make_owner
from tests.browser.test_pages import sign_in
from tests.crash.studio import Studio, until
from tests.crash.test_parent_deaths import free_port
from tests.photos import write_photo

pytestmark = [pytest.mark.browser, pytest.mark.kill, pytest.mark.vendor("sqlite")]
FAULTS = (None, "blur", None, "dark")


@pytest.fixture
def studio(tmp_path: Path, transactional_db: None, database_url: str, settings: object) -> Iterator[Studio]:
    """An installation on the database of this test, and a folder of four photos, two of them with a fault."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed, fault in enumerate(FAULTS):
        write_photo(photos / f"{seed:02d}.jpg", seed=seed, fault=fault)
    studio = Studio(tmp_path / "studio", database_url, photos)
    settings.STOCKPROOF_VAR = studio.var
    yield studio
    studio.kill_everything()


def begin(page: Page, studio: Studio, name: str) -> None:
    """Fill in the form of a new session, see what would be proofed, and begin."""
    page.get_by_label("Folder with photos").fill(str(studio.photos))
    page.get_by_label("Name").fill(name)
    expect(page.locator("#counted")).to_have_text(str(len(FAULTS)))
    assert ProcessingSession.objects.count() == 0
    page.get_by_label("Adobe Stock").check()
    page.get_by_role("button", name="Start proofing").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def serve(studio: Studio) -> str:
    """Start the whole installation; give its address."""
    port = free_port()
    studio.start("serve", "--bind", f"127.0.0.1:{port}", "--workers", "1")
    until(lambda: answers(port))
    return f"http://127.0.0.1:{port}"


def loads(page: Page, name: str) -> bool:
    """Say whether an image with this description has been drawn."""
    picture = page.get_by_alt_text(name).last
    picture.scroll_into_view_if_needed()
    return bool(picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0)"))


def test_new_person_gets_from_an_empty_list_to_the_reasons_of_a_photo(studio: Studio, window: Window) -> None:
    # The window is asked for after the studio, so that it is closed before its server is killed.
    ines = make_owner()
    page = window.page
    sign_in(page, serve(studio), ines)
    expect(page.get_by_text("Nothing proofed yet")).to_be_visible()

    page.get_by_role("link", name="New session").first.click()
    begin(page, studio, "First look")
    expect(page.locator(".status")).to_have_text("Completed", timeout=120_000)
    expect(page.locator("#figure-processed")).to_have_text("4")
    page.get_by_role("link", name="Photos", exact=True).click()
    expect(page.locator("[id^=photo-]")).to_have_count(4)
    page.get_by_role("navigation", name="Filters").get_by_role("link", name="Out of focus").click()
    expect(page.locator("[id^=photo-]")).to_have_count(1)
    page.locator("[id^=photo-]").click()

    expect(page.get_by_role("heading", name="01.jpg")).to_be_visible()
    expect(page.get_by_role("heading", name="1 reason against it")).to_be_visible()
    finding = page.locator(".findings > li").first
    expect(finding).to_contain_text("Out of focus")
    expect(finding).to_contain_text("limit 0.21")
    assert float(finding.locator(".row > span").inner_text()) < 0.21
    assert loads(page, "01.jpg")
    assert loads(page, "Crop at 100 %: Out of focus")
