"""The first pages in a real browser, under the strict content policy."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no type hints
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from processing.models import Batch, ProcessingSession, Worker
from tests.browser.conftest import DARK, LIGHT, PHONE, Window
from tests.factories import make_batch, make_crash, make_results, make_session, make_worker, no_seal
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = pytest.mark.parametrize("look", [LIGHT, DARK, PHONE], indirect=True, ids=lambda look: look.name)
TICK_MS = 2000


def sign_in(page: Page, address: str, user: User) -> None:
    """Sign in as a person does."""
    page.goto(f"{address}/login/")
    page.get_by_label("User name").fill(user.get_username())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()


def make_running(owner: User, photos_count: int = 8) -> tuple[ProcessingSession, Batch]:
    """Make a session with one batch, held by a worker."""
    session = make_session(owner=owner, name="Autumn travel", total=photos_count)
    worker = make_worker(
        parent=make_worker(), lane_session=session, telemetry={"photo": "a.jpg", "rate_per_s": 2.0}
    )
    return session, make_batch(session=session, worker=worker, photos_count=photos_count)


def land(batch: Batch, photos_count: int) -> None:
    """Commit results of a batch, as a worker does."""
    batch.commit(make_results(batch=batch, photos_count=photos_count), no_seal)


def complete(session: ProcessingSession) -> None:
    """Let the compare stage end without having found anything."""
    compare = Batch.objects.claim(session.pk, make_worker())
    assert compare is not None
    ProcessingSession.objects.get(pk=session.pk).complete({})


def assert_accessible(page: Page) -> None:
    """Let axe find nothing, and the page fit its window."""
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_numbers_change_by_themselves_until_the_session_is_completed(
    window: Window, live_server: LiveServer
) -> None:
    ines = make_user(password=PASSWORD)
    session, batch = make_running(ines)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.get_by_role("link", name="Autumn travel", exact=True).click()
    expect(page.locator("#figure-processed")).to_have_text("0")
    reserved = page.locator(".log-brief").bounding_box()
    assert reserved is not None

    land(batch, 3)
    expect(page.locator("#figure-processed")).to_have_text("3")
    expect(page.locator("#figure-approved")).to_have_text("3")
    land(batch, 5)
    expect(page.locator("#figure-processed")).to_have_text("8")
    expect(page.locator(".status")).to_have_text("Comparing")
    make_crash(worker=make_worker(), session=session)
    make_crash(worker=make_worker(), session=session)
    complete(session)

    expect(page.locator(".status")).to_have_text("Completed")
    expect(page.locator(".log-brief > li")).to_have_count(5)
    grown = page.locator(".log-brief").bounding_box()
    assert grown is not None
    assert grown["height"] == reserved["height"]
    expect(page.locator("#milestone")).to_have_text("Autumn travel: Completed, 100\u00a0%")
    assert page.locator("#session").get_attribute("hx-get") is None


def test_page_asks_no_more_when_the_session_is_completed(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session, batch = make_running(ines)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.clock.install()
    page.goto(f"{live_server.url}/sessions/{session.pk}/")
    land(batch, 8)
    complete(session)
    with page.expect_response(lambda response: "version=" in response.url):
        page.clock.run_for(TICK_MS)
    expect(page.locator(".status")).to_have_text("Completed")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(10 * TICK_MS)

    assert asked == []


def test_list_changes_by_itself(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session, batch = make_running(ines)
    sign_in(window.page, live_server.url, ines)

    land(batch, 3)
    expect(window.page.get_by_text("3 of 8")).to_be_visible()
    session.latch()

    expect(window.page.get_by_text("1 session was interrupted. Every saved verdict is safe.")).to_be_visible()


def test_button_keeps_its_focus_when_the_part_is_replaced(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session, batch = make_running(ines)
    sign_in(window.page, live_server.url, ines)
    window.page.goto(f"{live_server.url}/sessions/{session.pk}/")
    window.page.locator("#action-pause").focus()

    land(batch, 1)
    expect(window.page.locator("#figure-processed")).to_have_text("1")

    expect(window.page.locator("#action-pause")).to_be_focused()


def test_pause_and_cancel_work_from_the_keyboard(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session, _batch = make_running(ines)
    Worker.objects.exclude(parent=None).update(lane_session=None)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(f"{live_server.url}/sessions/{session.pk}/")

    page.locator("#action-pause").press("Enter")
    expect(page.locator(".status")).to_have_text("Paused")
    page.locator("#action-cancel").press("Enter")
    page.get_by_label("Why").fill("wrong folder")
    page.get_by_label("Why").press("Enter")

    expect(page.locator(".status")).to_have_text("Cancelled")
    expect(page.get_by_text("asked by ines: wrong folder")).to_be_visible()


def test_page_says_that_the_connection_is_lost_and_asks_more_rarely(
    window: Window, live_server: LiveServer
) -> None:
    ines = make_user(password=PASSWORD)
    session, _batch = make_running(ines)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.clock.install()
    page.goto(f"{live_server.url}/sessions/{session.pk}/")
    asked: list[str] = []
    page.on("requestfailed", lambda request: asked.append(request.url))
    page.context.set_offline(True)

    for _ in range(10):
        page.clock.run_for(TICK_MS)
    expect(page.get_by_text("Connection lost, trying again")).to_be_visible()
    page.context.set_offline(False)
    with page.expect_response(lambda response: "version=" in response.url):
        page.clock.run_for(60_000)

    expect(page.get_by_text("Connection lost, trying again")).to_be_hidden()
    assert 2 <= len(asked) < 10
    window.complaints.clear()  # The browser itself reports each failed request.


@pytest.mark.parametrize(("visibility", "ticks"), [("visible", 10), ("hidden", 0)])
def test_page_ticks_only_while_it_is_seen(
    window: Window, live_server: LiveServer, visibility: str, ticks: int
) -> None:
    ines = make_user(password=PASSWORD)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.clock.install()
    page.add_init_script(
        f"Object.defineProperty(document, 'visibilityState', {{get: () => '{visibility}'}});"
        "window.ticks = 0;"
        "document.addEventListener('DOMContentLoaded', () =>"
        " document.body.addEventListener('tick', () => { window.ticks += 1; }));"
    )
    page.goto(f"{live_server.url}/")

    page.clock.run_for(ticks * TICK_MS or 10 * TICK_MS)

    assert page.evaluate("window.ticks") == ticks


@LOOKS
def test_login_is_accessible(window: Window, live_server: LiveServer) -> None:
    window.page.goto(f"{live_server.url}/login/")
    assert_accessible(window.page)

    window.page.get_by_label("User name").fill("nobody")
    window.page.get_by_label("Password").fill("wrong")
    window.page.get_by_role("button", name="Sign in").click()

    expect(window.page.get_by_role("alert")).to_have_text("Name and password do not belong together.")
    assert_accessible(window.page)


@LOOKS
def test_list_is_accessible(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    sign_in(window.page, live_server.url, ines)
    expect(window.page.get_by_text("Nothing proofed yet")).to_be_visible()
    assert_accessible(window.page)

    make_running(ines)
    make_session(owner=ines, name="Interrupted", total=8).latch()
    make_session(owner=ines, name="Paused", total=8).pause(by="ines")
    make_session(owner=ines, name="Failed", total=8).fail("The source cannot be read.")
    make_session(owner=ines, name="Cancelled", total=8).cancel(by="ines")
    window.page.reload()

    expect(window.page.locator(".sessions > li")).to_have_count(5)
    assert_accessible(window.page)


@LOOKS
def test_session_is_accessible(window: Window, live_server: LiveServer) -> None:
    ines = make_user(password=PASSWORD)
    session, batch = make_running(ines)
    land(batch, 3)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(f"{live_server.url}/sessions/{session.pk}/")
    expect(page.get_by_text("a.jpg")).to_be_visible()
    assert_accessible(page)

    session.latch()
    make_crash(worker=make_worker(), session=session, evidence=["A worker ended."], photo="a.jpg")
    expect(page.get_by_text("Interrupted at")).to_be_visible()
    assert_accessible(page)

    page.goto(f"{live_server.url}/sessions/{session.pk}/cancel/")
    assert_accessible(page)


def test_axe_finds_a_planted_fault(window: Window, live_server: LiveServer) -> None:
    window.page.goto(f"{live_server.url}/login/")
    window.page.evaluate("document.querySelector('label[for=id_username]').remove()")

    with pytest.raises(AssertionError, match="label"):
        assert_accessible(window.page)
