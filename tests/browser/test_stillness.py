"""Live parts change their numbers and move nothing: neither what is below them nor what is beside them."""

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from processing.models import Batch, ProcessingSession
from processing.states import Verdict
from tests.browser.conftest import Window
from tests.browser.test_every_page import enter
from tests.browser.test_pages import make_running
from tests.factories import make_result, no_seal
from tests.people import make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.vendor("sqlite"),
]
# Where everything begins that has a name; the text of what is counted may grow, its place may not.
PLACES = """() => Object.fromEntries(
  [...document.querySelectorAll("main section[aria-labelledby], main [id], main dl.figures dt, footer")]
    .filter((one) => one.checkVisibility())
    .map((one) => {
      const box = one.getBoundingClientRect();
      const name = one.id || one.getAttribute("aria-labelledby") || one.textContent.trim();
      return [name, [Math.round(box.left), Math.round(box.top + scrollY)]];
    }))"""
ANIMATED = "document.getAnimations().length"


@pytest.fixture
def ines(transactional_db: None) -> User:
    """Somebody who looks on."""
    return make_user()


@pytest.fixture
def running(ines: User) -> tuple[ProcessingSession, Batch]:
    """Her session of 40 photos, held by a worker."""
    return make_running(ines, 40)


def land_kinds(batch: Batch, photos_count: int) -> None:
    """Commit results of all kinds."""
    verdicts = (Verdict.APPROVED, Verdict.REJECTED, Verdict.UNREADABLE)
    photos = batch.missing()[:photos_count]
    batch.commit(
        [
            make_result(
                batch=batch,
                position=photo.position,
                verdict=verdicts[photo.position % 3],
                reason=("", "noise", "unreadable")[photo.position % 3],
            )
            for photo in photos
        ],
        no_seal,
    )


def shows(page: Page, place: str, text: str) -> None:
    """Wait until a place shows a text."""
    expect(page.locator(place)).to_contain_text(text)


def moved(page: Page, change: Callable[[], None], seen: Callable[[], None]) -> dict[str, object]:
    """Let something change; say what stands elsewhere once it is seen."""
    before = page.evaluate(PLACES)
    change()
    seen()
    after = page.evaluate(PLACES)
    return {name: (place, after[name]) for name, place in before.items() if after.get(name, place) != place}


def test_session_page_moves_nothing_while_it_is_live(
    window: Window, live_server: LiveServer, ines: User, running: tuple[ProcessingSession, Batch]
) -> None:
    session, batch = running
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(f"{live_server.url}/sessions/{session.pk}/")

    told = [
        moved(page, partial(land_kinds, batch, count), partial(shows, page, "#figure-processed", text))
        for count, text in ((1, "1"), (2, "3"), (9, "12"), (18, "30"))
    ]

    assert told == [{}, {}, {}, {}]


def test_dashboard_moves_nothing_while_it_is_live(
    window: Window, live_server: LiveServer, ines: User, running: tuple[ProcessingSession, Batch]
) -> None:
    _session, batch = running
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(f"{live_server.url}/recovery/")

    told = [
        moved(page, partial(land_kinds, batch, count), partial(shows, page, "#running-now", text))
        for count, text in ((3, "3 of 40"), (9, "12 of 40"))
    ]

    assert told == [{}, {}]


def test_page_on_which_something_moves_is_found_out(
    window: Window, live_server: LiveServer, ines: User
) -> None:
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(f"{live_server.url}/recovery/")

    told = moved(
        page,
        lambda: page.evaluate("document.querySelector('#running-now').append(document.createElement('hr'))"),
        lambda: expect(page.locator("#running-now hr")).to_have_count(1),
    )

    assert "history" in told


def test_nothing_is_animated_for_who_asks_for_less_motion(
    window: Window, live_server: LiveServer, ines: User
) -> None:
    page = window.page
    enter(page, live_server.url, ines)
    page.goto(f"{live_server.url}/recovery/")
    usual = page.evaluate(ANIMATED)

    page.emulate_media(reduced_motion="reduce")

    assert (usual, page.evaluate(ANIMATED)) == (1, 0)
