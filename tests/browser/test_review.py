"""Photos in a real browser: the sheet and one photo by keys alone, and axe on both."""

from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from processing.models import Profile
from tests.browser.conftest import Window
from tests.browser.test_pages import LOOKS, assert_accessible, pytestmark, sign_in
from tests.people import PASSWORD, make_user
from tests.recovery.sound import completed_session
from tests.test_overriding import decisions

__all__ = ["pytestmark"]


def test_photos_are_judged_by_keys_alone(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session = completed_session(owner=ines, name="Autumn travel")
    before = decisions(session)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(f"{live_server.url}/sessions/{session.pk}/results/?verdict=rejected")

    page.keyboard.press("ArrowRight")
    expect(page.locator("#photo-1")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_text("1 photo approved.")).to_be_visible()
    expect(page.locator("#photo-1")).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_text("The machine's verdict counts again for 1 photo.")).to_be_visible()
    assert decisions(session) == before

    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="000001.jpg")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="000002.jpg")).to_be_visible()
    page.get_by_label("Your verdict").fill("a")
    assert decisions(session) == before

    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_text("1 photo approved.")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: 1 photo stands as before.")).to_be_visible()
    assert decisions(session) == before


def test_keys_do_nothing_when_they_are_switched_off(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session = completed_session(owner=ines)
    Profile.objects.create(user=ines, has_keys=False)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(f"{live_server.url}/sessions/{session.pk}/results/1/")
    before = decisions(session)

    page.keyboard.press("a")
    page.get_by_role("link", name="Keyboard shortcuts").click()

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert decisions(session) == before


@LOOKS
def test_photos_are_accessible(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session = completed_session(owner=ines)
    page = window.page
    sign_in(page, live_server.url, ines)

    for path in ("", "?verdict=quarantined", "1/", "all/?verdict=rejected&say=approved"):
        page.goto(f"{live_server.url}/sessions/{session.pk}/results/{path}")
        assert_accessible(page)
