"""The page that describes REST, in a real browser: no script of others, nothing from outside, no complaint."""

from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Window
from tests.browser.test_pages import assert_accessible, pytestmark, sign_in
from tests.people import PASSWORD, make_user

__all__ = ["pytestmark"]


def test_operation_is_read_under_the_strict_policy(window: Window, live_server: LiveServer) -> None:
    page, asked = window.page, []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, live_server.url, make_user(password=PASSWORD))

    page.get_by_role("link", name="REST interface").click()
    page.locator("#create_session > summary").click()

    expect(page.locator("#create_session").get_by_text("curl -X POST")).to_be_visible()
    assert_accessible(page)
    assert [url for url in asked if not url.startswith(live_server.url)] == []
