"""Every page in the states that a session can be in: axe finds nothing, light, dark and on a phone, and nothing sticks out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no type hints
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from django.urls import get_resolver
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from config import errors
from processing.models import Preset, ProcessingSession
from processing.states import Stage
from recovery.models import Checkpoint
from tests.browser.conftest import LIGHT, PHONE, Window
from tests.browser.test_pages import land, make_running
from tests.factories import make_session
from tests.people import make_user, signed_in
from tests.recovery.sound import completed_session
from tests.recovery.views.scenes import interrupt, lying_session
from tests.views.test_walk import PAGES
from tests.views.walking import addresses

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.vendor("sqlite"),
]
# They answer with a file or with words for a machine; a page that needs more than its address is among MORE.
NO_PAGES = {"healthz", "readyz", "metrics", "session-thumbnail", "audit-export", "session-verdict-all"}
OF_SESSIONS = ("", "results/", "timeline/", "checkpoints/")
ERRORS = (400, 403, 404, 429, 500, 503)
STATES = ("empty", "running", "interrupted")
STOPPED = ("failed", "cancelled", "paused")
# What the colors or the width of the window can change.
COLORS, PLACES = ("color-contrast", "link-in-text-block"), ("target-size", "scrollable-region-focusable")


@pytest.fixture
def ines(transactional_db: None) -> User:
    """Somebody for whom nothing is hidden."""
    return make_user(is_superuser=True)


@pytest.fixture
def sessions(ines: User, tmp_path: Path) -> dict[str, ProcessingSession]:
    """Hers, one in each state."""
    made = {"completed": completed_session(owner=ines, name="Autumn travel")}
    made["running"], batch = make_running(ines)
    land(batch, 3)
    made["empty"] = make_session(owner=ines, name="Empty", stage=Stage.SCANNING)
    made["paused"] = make_session(owner=ines, name="Paused", total=8)
    made["paused"].pause(by="ines")
    made["failed"] = make_session(owner=ines, name="Failed", total=8)
    made["failed"].fail("The source cannot be read.")
    made["cancelled"] = make_session(owner=ines, name="Cancelled", total=8)
    made["cancelled"].cancel(by="ines")
    made["interrupted"] = lying_session(tmp_path / "photos", owner=ines, name="Coast")
    interrupt(made["interrupted"])
    return made


def enter(page: Page, address: str, user: User) -> None:
    """Let somebody be signed in already."""
    cookie = signed_in(user).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])


# Colors that change slowly, as those of Django's links, are looked at when they have changed.
SETTLED = """() => Promise.all(document.getAnimations().map((one) => one.finished)).then(() => null)"""
# Color alone says nothing: what is colored has a word.
WORDLESS = """() => [...document.querySelectorAll(".verdict, .status, .outcome, .tag")]
  .filter((one) => one.textContent.trim() === "").map((one) => `no word: ${one.outerHTML}`)"""


def violations(page: Page, *rules: str, within: str = "html") -> list[str]:
    """Give what axe finds on a page where it has run already: of some rules, or of all."""
    options = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    found = page.evaluate("([within, options]) => axe.run(within, options)", [within, options])["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def faults(page: Page, within: str = "html") -> Iterator[str]:
    """Say what is wrong with a page: in light, in dark, and on a phone. Nothing may move meanwhile."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.evaluate(Axe().axe_script)
    yield from violations(page, within=within)
    yield from page.evaluate(WORDLESS)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate(SETTLED)
    yield from (f"dark {one}" for one in violations(page, *COLORS, within=within))
    page.set_viewport_size(PHONE.size)
    yield from (f"phone {one}" for one in violations(page, *PLACES, within=within))
    width_px = page.evaluate("document.documentElement.scrollWidth")
    if width_px > PHONE.size["width"]:
        yield f"phone: {width_px} px wide"
    page.set_viewport_size(LIGHT.size)


def found_at(page: Page, address: str, status: int = 200) -> list[str]:
    """Open an address; say what is wrong there."""
    response = page.goto(address)
    assert response is not None
    if response.status != status:
        return [f"{address}: {response.status}"]
    return [f"{address}: {one}" for one in faults(page)]


def paths(session: ProcessingSession) -> list[str]:
    """Give the path of every page, those of sessions for a completed one."""
    values: dict[str, object] = {"session_id": session.pk, "position": 1}
    values["preset_id"] = Preset.objects.get().pk
    values["checkpoint_id"] = Checkpoint.objects.newest_first(session)[0].pk
    pages = {name for name, place in PAGES.items() if place.get["owner"] == place.get["superuser"] == 200}
    wanted = (pages | {"preset", "preset-new", "session-cancel"}) - NO_PAGES
    return [one.path(values) for one in addresses() if one.name in wanted]


def test_every_page_is_accessible(
    window: Window, live_server: LiveServer, ines: User, sessions: dict[str, ProcessingSession]
) -> None:
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(live_server.url)
    page.locator("#not-now").click()
    more = f"/sessions/{sessions['completed'].pk}/results/all/?verdict=rejected&say=approved"

    found = [found_at(page, live_server.url + path) for path in (*paths(sessions["completed"]), more)]

    assert [one for each in found for one in each] == []
    assert len(found) > 15


def test_pages_of_a_session_are_accessible_in_every_state(
    window: Window, live_server: LiveServer, ines: User, sessions: dict[str, ProcessingSession]
) -> None:
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(live_server.url)
    page.locator("#not-now").click()
    pages = [(state, path) for state in STATES for path in OF_SESSIONS] + [(state, "") for state in STOPPED]

    found = [
        found_at(page, f"{live_server.url}/sessions/{sessions[state].pk}/{path}") for state, path in pages
    ]

    assert [one for each in found for one in each] == []


def test_pages_are_accessible_when_there_is_nothing_yet(
    window: Window, live_server: LiveServer, ines: User
) -> None:
    enter(window.page, live_server.url, ines)

    found = [
        found_at(window.page, live_server.url + path)
        for path in ("/", "/recovery/", "/recovery/crashes/", "/statistics/", "/audit/?who=nobody")
    ]

    assert [one for each in found for one in each] == []


def test_question_of_the_administration_is_accessible(
    window: Window, live_server: LiveServer, ines: User, sessions: dict[str, ProcessingSession]
) -> None:
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(f"{live_server.url}/admin/processing/processingsession/")
    page.locator(f"input[value='{sessions['interrupted'].pk}']").check()
    page.locator("select[name=action]").select_option("recover")
    page.get_by_role("button", name="Go", exact=True).click()

    expect(page.get_by_role("heading", name="Recover (continue)")).to_be_visible()
    # What is around it is Django's own.
    assert list(faults(page, "#content")) == []


def error_page(status: int) -> str:
    """Draw the page of an error."""
    request = RequestFactory().get("/somewhere/")
    request.user = AnonymousUser()
    request.META["STOCKPROOF_REQUEST_ID"] = "req-5f0c91d2"
    if status in (429, 503):
        return errors._answer(request, f"{status}.html", status, {"wait_s": 900}).content.decode()
    handler = get_resolver().resolve_error_handler(status)
    answer = handler(request) if status == 500 else handler(request, exception=Exception("why"))
    return str(answer.content.decode())


def drawn_as(status: int) -> Callable[[Route], None]:
    """Answer with the page of an error."""
    page = error_page(status)
    return lambda route: route.fulfill(status=status, body=page, content_type="text/html")


def test_error_pages_are_accessible(window: Window, live_server: LiveServer, transactional_db: None) -> None:
    found = []
    for status in ERRORS:
        path = f"{live_server.url}/error/{status}/"
        window.page.route(path, drawn_as(status))
        found += found_at(window.page, path, status)

    assert found == []
    assert ["Failed to load resource" in one for one in window.complaints] == [True] * len(ERRORS)
    window.complaints.clear()  # The browser itself reports each page of an error.
