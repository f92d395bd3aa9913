"""An act of many transactions does not keep others from writing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import F

from processing import overriding, turns
from processing.models import ProcessingSession
from processing.overriding import Choice, Saying
from recovery.models import AuditEntry
from recovery.overrides import say_to_all
from tests.recovery.sound import sound_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]

WRITE_EVERY_S = 0.001


def write_until(over: threading.Event) -> set[int]:
    """Write the sessions' rows again and again; give how many entries the audit log had each time."""
    seen = set()
    try:
        while not over.wait(WRITE_EVERY_S):
            with transaction.atomic():
                ProcessingSession.objects.update(lanes=F("lanes"))
                seen.add(AuditEntry.objects.count())
    finally:
        connection.close()
    return seen


def test_others_write_between_the_pages_of_an_act(monkeypatch: pytest.MonkeyPatch) -> None:
    session = sound_session()  # Of 10 verdicts.
    monkeypatch.setattr(overriding, "PAGE_ROWS", 2)
    monkeypatch.setattr(turns, "TURN_S", 0)
    monkeypatch.setattr(turns, "GAP_S", 5 * turns.GAP_S)
    over = threading.Event()

    with ThreadPoolExecutor(1) as threads:
        others = threads.submit(write_until, over)
        try:
            say_to_all(session, Choice(), Saying("rejected", "ada"))
        finally:
            over.set()

    assert others.result() >= {1, 2, 3, 4, 5}
