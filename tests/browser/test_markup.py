"""Markup in names and metadata, in Chromium: nothing of it runs on any page."""

import pytest
from playwright.sync_api import Dialog
from pytest_django.live_server_helper import LiveServer

from processing.models import ProcessingSession, Worker
from tests.browser.conftest import Window
from tests.browser.test_every_page import enter
from tests.browser.test_pages import land, make_running
from tests.people import make_user
from tests.recovery.sound import completed_session
from tests.security.test_markup import HOSTILE, say

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.vendor("sqlite"),
]
OF_SESSIONS = ("", "results/", "results/0/", "timeline/", "checkpoints/", "recovery/")
OTHERS = ("", "recovery/", "audit/", "settings/", "admin/processing/imageresult/", "admin/processing/worker/")


def test_markup_runs_in_no_page(window: Window, live_server: LiveServer) -> None:
    boss = make_user("boss", is_superuser=True)
    running, batch = make_running(boss)
    land(batch, 3)
    sessions: list[ProcessingSession] = [running, completed_session(owner=boss)]
    say(HOSTILE[0] + HOSTILE[1] + HOSTILE[2])
    assert Worker.objects.exclude(telemetry={}).exists()
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    window.page.on("dialog", note)
    enter(window.page, live_server.url, boss)

    seen = []
    for path in (*OTHERS, *(f"sessions/{one.pk}/{part}" for one in sessions for part in OF_SESSIONS)):
        answer = window.page.goto(f"{live_server.url}/{path}")
        assert answer is not None
        seen.append(answer.status)
        assert window.page.locator("script:not([src]), img[src=x], svg[onload]").count() == 0, path

    assert (dialogs, seen) == ([], [200] * len(seen))
    # The window also complains, at its end, of any script that the content policy had to stop.
    assert window.complaints == []
