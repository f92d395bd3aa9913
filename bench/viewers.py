"""Browsers that have a session's page open: they ask for its part as the page's script does, and note what that took."""

import html
import re
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Self

PACE_S = 2.0
# Pages are opened one after the other within this time: what opening costs is measured by bench.pages.
OPENING_S = 7.0
ASK_TIMEOUT_S = 30.0
PART = re.compile(r'<div id="session" hx-get="([^"]+)"')
FRESH, UNCHANGED = 200, 204


@dataclass(slots=True)
class Seen:
    """What all browsers have seen: milliseconds of each answer, how many were new, and what went wrong."""

    answers_ms: list[float] = field(default_factory=list)
    fresh_count: int = 0
    errors: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0

    def add(self, audience: "Audience") -> None:
        """Add what browsers have seen that have left."""
        self.elapsed_s += audience.elapsed_s
        for viewer in audience.viewers:
            self.answers_ms += viewer.seen.answers_ms
            self.fresh_count += viewer.seen.fresh_count
            self.errors += viewer.seen.errors


class PartGone(Exception):
    """A page came without the part that asks again, so its session has ended or this is another page."""


class Viewer(threading.Thread):
    """One browser with one connection, which it keeps; begins `delay_s` later than the first one."""

    def __init__(self, port: int, page: str, cookie: str, delay_s: float) -> None:
        super().__init__()
        self.seen = Seen()
        self._page, self._path, self._delay_s = page, page, delay_s
        self._cookie = {"Cookie": f"sessionid={cookie}"}
        self._connection = HTTPConnection("127.0.0.1", port, timeout=ASK_TIMEOUT_S)
        self._leaves = threading.Event()

    def run(self) -> None:
        """Open the page, then ask for the part until told to leave; an error is noted, and asking goes on."""
        due_s = time.monotonic() + self._delay_s
        is_open = False
        while not self._leaves.wait(max(due_s - time.monotonic(), 0)):
            try:
                if is_open:
                    self._ask()
                else:
                    self._open()
                    is_open = True
            except (OSError, HTTPException, PartGone) as error:
                self.seen.errors.append(f"{type(error).__name__}: {error}")
                self._connection.close()
            due_s = max(due_s + PACE_S, time.monotonic())
        self._connection.close()

    def leave(self) -> None:
        """Ask no more."""
        self._leaves.set()

    def _open(self) -> None:
        status, text = self._get(self._page, {})
        if status != FRESH:
            raise PartGone(f"The page answered {status}.")
        self._follow(text)

    def _ask(self) -> None:
        begun_s = time.monotonic()
        status, text = self._get(self._path, {"HX-Request": "true", "HX-Current-URL": self._page})
        self.seen.answers_ms.append(1000 * (time.monotonic() - begun_s))
        if status == FRESH:
            self.seen.fresh_count += 1
            self._follow(text)
        elif status != UNCHANGED:
            self.seen.errors.append(f"The part answered {status}.")

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        self._connection.request("GET", path, headers=self._cookie | headers)
        response = self._connection.getresponse()
        return response.status, response.read().decode()

    def _follow(self, text: str) -> None:
        """Ask from now on as this part says, with the version that it shows."""
        found = PART.search(text)
        if found is None:
            raise PartGone("The part does not ask for itself.")
        self._path = html.unescape(found[1])


class Audience:
    """Browsers at once, opened one after the other; all have left when the block ends. There may be none."""

    def __init__(self, viewers_count: int, port: int, page: str, cookie: str) -> None:
        spread_s = OPENING_S / max(viewers_count, 1)
        self.elapsed_s = 0.0
        self._begun_s = 0.0
        self.viewers = [Viewer(port, page, cookie, number * spread_s) for number in range(viewers_count)]

    def __enter__(self) -> Self:
        """Let them come."""
        self._begun_s = time.monotonic()
        for viewer in self.viewers:
            viewer.start()
        return self

    def begin_turn(self) -> None:
        """Forget what was answered while pages were being opened, but no error."""
        self._begun_s = time.monotonic()
        for viewer in self.viewers:
            viewer.seen.answers_ms, viewer.seen.fresh_count = [], 0

    def __exit__(self, *_raised: object) -> None:
        """Let them leave, and wait until they have."""
        for viewer in self.viewers:
            viewer.leave()
        for viewer in self.viewers:
            viewer.join()
        if self.viewers:
            self.elapsed_s = time.monotonic() - self._begun_s
