"""One Chromium for the browser tests of a module, and a new window for each."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connections
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.databases import missing

CHROMIUM_SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000


@dataclass
class Window:
    """A page of the browser, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep errors of the console, the content policy's among them, and of scripts."""
        self.page.on("console", self._keep)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _keep(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@dataclass(frozen=True)
class Look:
    """How a person looks at a page: the system's colors and the width of the window."""

    name: str
    scheme: str
    size: ViewportSize


LIGHT = Look("light", "light", {"width": 1280, "height": 900})
DARK = Look("dark", "dark", {"width": 1280, "height": 900})
PHONE = Look("phone", "light", {"width": 390, "height": 844})


def drop_connections() -> None:
    """Close this thread's connections, so that the next ones lead to the database of the test."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        del connections[connection.alias]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the machine's own Chromium once for a module.

    Playwright keeps an event loop in this thread until it is stopped. Near one Django refuses to talk to the
    database unless it is told that nothing here is asynchronous, and keeps other connections than without;
    neither set may outlive the loop, because the tests change databases meanwhile.
    """
    path = shutil.which("chromium")
    if path is None:
        missing("Browser tests need Chromium: `apt install chromium`.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_SWITCHES)
        yield browser
        browser.close()
        drop_connections()
    drop_connections()


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Look:
    """Light unless the test says otherwise."""
    asked = getattr(request, "param", LIGHT)
    assert isinstance(asked, Look)
    return asked


@pytest.fixture
def window(chromium: Browser, look: Look) -> Iterator[Window]:
    """Open a new window without cookies; at the end it must not have complained."""
    context = chromium.new_context(color_scheme=look.scheme, viewport=look.size)  # type: ignore[arg-type]  # a Literal
    context.set_default_timeout(TIMEOUT_MS)
    opened = Window(context.new_page())
    opened.listen()
    yield opened
    context.close()
    assert opened.complaints == []
