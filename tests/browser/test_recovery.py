"""The recovery in a real browser: the dialog that opens by itself, numbers that come true, and the way back from them."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from processing.models import ImageResult, ProcessingSession
from processing.states import Status
from recovery.models import AuditEntry
from tests.browser.conftest import DARK, LIGHT, PHONE, Window
from tests.browser.test_pages import assert_accessible, sign_in
from tests.people import PASSWORD, make_user
from tests.recovery.sources import lay
from tests.recovery.stacks import work_on
from tests.recovery.views.scenes import interrupt, lying_session, recovery

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = pytest.mark.parametrize("look", [LIGHT, DARK, PHONE], indirect=True, ids=lambda look: look.name)
TABS_MAX = 20


@pytest.fixture
def ines(transactional_db: None) -> User:
    """Somebody with a password."""
    return make_user(password=PASSWORD)


@pytest.fixture
def session(ines: User, tmp_path: Path) -> ProcessingSession:
    """Her interrupted session of 12 photos, 10 of them judged."""
    session = lying_session(tmp_path / "photos", owner=ines, name="Coast")
    interrupt(session)
    return session


def number(page: Page, option: str, name: str) -> int:
    """Read a number of one way back."""
    text = page.locator(f"#way-{option} [data-number={name}]").inner_text()
    return int(re.sub(r"\D", "", text))


def live_count(session: ProcessingSession) -> int:
    """Count the photos with a verdict."""
    return ImageResult.objects.live().filter(session=session).count()


def focused(page: Page) -> str:
    """Give the id of what has the focus; of a radio button its value."""
    return str(page.evaluate("document.activeElement.id || document.activeElement.value || ''"))


@pytest.mark.parametrize("option", ["continue", "restart_batch", "fresh_start"])
def test_numbers_that_are_shown_come_true(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession, option: str
) -> None:
    lay(Path(session.source) / "000001.jpg", 5, 7)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(live_server.url + recovery(session))
    shown = {name: number(page, option, name) for name in ("keep", "redo", "left")}

    page.locator(f"#way-{option}").click()
    if option == "fresh_start":
        page.get_by_label("Yes, analyze all 12 photos again").check()
    page.locator("#go-fresh" if option == "fresh_start" else "#go-on").click()
    expect(page.locator("#undo-button")).to_be_visible()

    aside = ImageResult.objects.filter(session=session, superseded_by=1).count()
    kept = live_count(session)
    assert shown == {"keep": kept, "redo": aside, "left": 12 - kept}
    assert shown["redo"] == {"continue": 1, "restart_batch": 3, "fresh_start": 10}[option]


def test_dialog_opens_by_itself_and_is_walked_by_keyboard(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession
) -> None:
    page = window.page
    sign_in(page, live_server.url, ines)
    expect(page.locator("#recovery-dialog #go-on")).to_be_visible()
    assert page.evaluate("document.querySelector('#recovery-dialog').matches(':modal')")
    assert focused(page) == "dialog-title"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"
    assert_accessible(page)
    page.keyboard.press("Tab")
    assert focused(page) == "dialog-body"

    walked = []
    while focused(page) != "not-now" and len(walked) < TABS_MAX:
        page.keyboard.press("Tab")
        walked.append(focused(page))
    assert page.evaluate("document.querySelector('#recovery-dialog').contains(document.activeElement)")
    assert [name for name in walked if name in ("continue", "go-on", "not-now")] == [
        "continue",
        "go-on",
        "not-now",
    ]
    page.keyboard.press("Escape")
    expect(page.locator("#recovery-dialog")).to_have_count(0)
    page.reload()

    expect(page.locator("#waiting-look")).to_be_visible()
    expect(page.locator("#recovery-dialog")).to_have_count(0)
    assert page.locator("#news").count() == 0


def test_focus_goes_back_to_where_it_was_when_the_dialog_is_closed(
    window: Window, live_server: LiveServer, ines: User
) -> None:
    page = window.page
    sign_in(page, live_server.url, ines)
    page.wait_for_url(f"{live_server.url}/")
    page.locator("a.brand").focus()
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<dialog id=recovery-dialog class=dialog>"
        "<form method=post><button id=not-now formmethod=dialog>Not now</button></form></dialog>');"
        "htmx.trigger(document.querySelector('#recovery-dialog'), 'htmx:load', {})"
    )
    expect(page.locator("#not-now")).to_be_focused()

    page.locator("#not-now").press("Enter")

    expect(page.locator("a.brand")).to_be_focused()


def test_session_goes_on_from_the_dialog(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession
) -> None:
    page = window.page
    sign_in(page, live_server.url, ines)
    page.locator("#recovery-dialog #go-on").press("Enter")

    expect(page.get_by_role("heading", name="Continued from photo 11")).to_be_visible()
    session.refresh_from_db()
    assert (session.status, session.attempt) == (Status.RUNNING, 1)


def test_fresh_start_asks_twice_and_is_undone(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession
) -> None:
    page = window.page
    sign_in(page, live_server.url, ines)
    page.goto(live_server.url + recovery(session))
    expect(page.locator("#confirm")).to_be_hidden()
    page.locator("#way-fresh_start").click()
    expect(page.locator("#confirm")).to_be_visible()
    page.locator("#go-fresh").click()
    expect(page.locator("#confirmed-error")).to_be_visible()
    assert live_count(session) == 10
    page.get_by_label("Yes, analyze all 12 photos again").check()
    page.locator("#go-fresh").click()
    expect(page.get_by_role("heading", name="Started fresh")).to_be_visible()
    assert live_count(session) == 0
    session.refresh_from_db()
    work_on(session, 3)
    page.reload()
    expect(page.locator("#undo-back")).to_have_text("10 verdicts that it put aside come back.")
    expect(page.locator("#undo-aside")).to_have_text("3 verdicts made since are put aside, not deleted.")

    page.locator("#undo-button").click()

    expect(page.get_by_role("heading", name="Recovery 1 is undone")).to_be_visible()
    session.refresh_from_db()
    assert (session.status, live_count(session)) == (Status.PAUSED, 10)
    window.complaints.clear()  # The browser itself reports the refused form.


def test_safe_sessions_go_on_together(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession, tmp_path: Path
) -> None:
    second = lying_session(tmp_path / "second", owner=ines, name="Food")
    doubtful = lying_session(tmp_path / "doubtful", owner=ines, name="Archive")
    lay(Path(doubtful.source) / "000000.jpg", 5, 7)
    interrupt(second)
    interrupt(doubtful)
    page = window.page
    sign_in(page, live_server.url, ines)
    page.locator("#not-now").click()

    page.get_by_role("button", name="Resume the 2 safe ones").click()

    expect(page.get_by_role("heading", name="2 sessions go on")).to_be_visible()
    expect(page.get_by_text("20 verdicts kept, 0 made again, 4 photos left.")).to_be_visible()
    statuses = [ProcessingSession.objects.get(pk=one.pk).status for one in (session, second, doubtful)]
    assert statuses == [Status.RUNNING, Status.RUNNING, Status.INTERRUPTED]
    assert AuditEntry.objects.filter(action="recover", actor="ines", outcome="done").count() == 2
    assert_accessible(page)


@LOOKS
def test_recovery_is_accessible(
    window: Window, live_server: LiveServer, ines: User, session: ProcessingSession
) -> None:
    page = window.page
    sign_in(page, live_server.url, ines)
    expect(page.locator("#recovery-dialog #go-on")).to_be_visible()
    assert_accessible(page)
    page.goto(live_server.url + recovery(session))
    page.locator("#way-fresh_start").click()
    for summary in page.locator("details.more > summary").all():
        summary.click()
    assert_accessible(page)
    page.locator("#way-continue").click()

    page.locator("#go-on").click()
    expect(page.locator("#undo-button")).to_be_visible()
    assert_accessible(page)
    page.locator("#undo-button").click()

    expect(page.locator("#undone")).to_be_visible()
    assert_accessible(page)
