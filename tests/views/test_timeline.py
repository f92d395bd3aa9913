"""The timeline and the checkpoints of a session: what they tell, and what people do there."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing.models import Batch, ProcessingSession, Worker
from recovery import acts, checkpoint_acts
from recovery.chronicle import EVENTS_PER_PAGE, Kind, events_of
from recovery.kinds import CheckpointType
from recovery.models import AuditEntry, Checkpoint, Crash
from recovery.resume import execute_recovery
from recovery.undo import rollback_recovery
from tests.factories import MADE_AT, make_crash, make_worker
from tests.people import address, make_user, signed_in
from tests.recovery.sound import commit, sound_session, write_files

pytestmark = pytest.mark.django_db


@pytest.fixture
def ines(db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


@pytest.fixture
def session(ines: Client, tmp_path: Path) -> ProcessingSession:
    """Her session, with results and checkpoints; its photos lie where its manifest says."""
    source = write_files(tmp_path / "photos", 12)
    return sound_session(owner=User.objects.get(username="ines"), name="Autumn travel", source_path=source)


def take(session: ProcessingSession, note: str = "") -> Checkpoint:
    """Take a checkpoint by hand."""
    return checkpoint_acts.take(session, CheckpointType.MANUAL, actor="ines", note=note)


def titles(session: ProcessingSession, kind: str = Kind.ALL) -> list[str]:
    """Give the titles of the newest events."""
    return [event.title for event in events_of(session, kind)[0]]


def test_events_tell_pauses_checkpoints_crashes_recoveries_and_undos_newest_first(
    session: ProcessingSession,
) -> None:
    take(session, "before the lens")
    make_crash(worker=make_worker(), session=session, interrupts=True)
    acts.pause(session, actor="ines", why="the cable")
    execute_recovery(session, "restart_batch", by="ines")
    rollback_recovery(session, by="ines")

    events, more = events_of(session)

    assert more is None
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)
    assert titles(session, Kind.PAUSES) == ["Paused by ines"]
    assert titles(session, Kind.CRASHES) == [
        "Recovery 1 undone by ines",
        "Open batches restarted",
        "What ended it left no trace",
    ]
    assert "Manual checkpoint at 10 photos" in titles(session, Kind.CHECKPOINTS)
    assert titles(session)[-1] == "Created by ines"


def recover_twice(session: ProcessingSession) -> None:
    """Let two recoveries stand on each other; the second one puts two verdicts aside."""
    for option in ("continue", "restart_batch"):
        acts.pause(session, actor="ines")
        execute_recovery(session, option, by="ines")


def test_undo_is_offered_at_every_recovery_in_force(session: ProcessingSession) -> None:
    recover_twice(session)

    offered = [event.undoes for event in events_of(session, Kind.CRASHES)[0]]
    rollback_recovery(session, 2, by="ines")
    still = [event.undoes for event in events_of(session, Kind.CRASHES)[0]]

    assert offered == [2, 1]
    assert still == [None, None, 1]


def test_undo_of_the_timeline_leads_to_what_it_does_and_does_that(
    ines: Client, session: ProcessingSession
) -> None:
    recover_twice(session)

    timeline = ines.get(address(session, "timeline")).content.decode()
    links = re.findall(r'href="([^"#]+)#undo"', timeline)
    shown = ines.get(links[-1]).content.decode()
    response = ines.post(address(session, "recovery/undo"), {"number": "1", "attempt": "2"})

    assert [link.rpartition("?")[2] for link in links] == ["done=2", "done=1"]
    assert "The recovery that stands on it is undone with it." in shown
    assert "2 verdicts that it put aside come back." in shown
    assert '<input type="hidden" name="number" value="1">' in shown
    assert response.status_code == 303
    assert session.counts()["processed"] == 10


def test_events_are_paged_without_loss_or_repetition(session: ProcessingSession) -> None:
    for number in range(EVENTS_PER_PAGE + 5):
        take(session, f"number {number}")

    first, more = events_of(session, Kind.CHECKPOINTS)
    second, end = events_of(session, Kind.CHECKPOINTS, more)

    shown = [event.line.checkpoint.pk for event in (*first, *second)]
    assert end is None
    assert shown == list(Checkpoint.objects.newest_first(session).values_list("pk", flat=True))


def test_events_of_one_instant_are_not_parted_by_pages(session: ProcessingSession) -> None:
    worker = make_worker()
    crashes = [
        make_crash(worker=worker, session=session, detected_at=MADE_AT) for _ in range(EVENTS_PER_PAGE + 5)
    ]

    alone, end = events_of(session, Kind.CRASHES)
    among, _ = events_of(session)
    Crash.objects.filter(pk=crashes[0].pk).update(detected_at=MADE_AT - timedelta(seconds=1))
    first, more = events_of(session, Kind.CRASHES)
    second, _ = events_of(session, Kind.CRASHES, more)

    assert (len(alone), end) == (len(crashes), None)
    assert [event.look for event in among].count("crash") == len(crashes)
    assert (len(first), len(second), more) == (len(crashes) - 1, 1, MADE_AT)


def test_checkpoints_of_one_instant_are_not_parted_by_pages(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.views.checkpoints.CHECKPOINTS_PER_PAGE", 2)
    Checkpoint.objects.update(created_at=MADE_AT)

    page = ines.get(address(session, "checkpoints"))

    assert len(page.context["lines"]) == Checkpoint.objects.count() > 2
    assert page.context["more"] is None


@pytest.mark.parametrize("page", ["timeline", "checkpoints"])
def test_pages_cost_as_many_queries_with_many_rows_as_with_few(
    ines: Client, session: ProcessingSession, page: str
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert ines.get(address(session, page)).status_code == 200
        return len(captured)

    # Nobody looks after workers that have ended while the queries are counted.
    Worker.objects.update(ended_at=Now())
    take(session)
    cost()
    few = cost()
    for _ in range(30):
        take(session)

    assert cost() == few


def test_damaged_checkpoint_says_so_and_cannot_be_gone_back_to(
    ines: Client, session: ProcessingSession
) -> None:
    made = take(session)
    Checkpoint.objects.filter(pk=made.pk).update(processed_count=3)

    page = ines.get(address(session, "timeline")).content.decode()

    assert "It is not as it was sealed: a column of it has changed." in page
    assert f"?checkpoint={made.pk}" not in page


def act(client: Client, session: ProcessingSession, checkpoint: Any, verb: str, **data: str) -> Any:
    """Press a checkpoint's button."""
    return client.post(f"/sessions/{session.pk}/checkpoints/{checkpoint}/{verb}/", data, follow=True)


def test_checkpoint_is_verified_pinned_and_unpinned(ines: Client, session: ProcessingSession) -> None:
    made = take(session)

    verified = act(ines, session, made.pk, "verify", place="timeline")
    unpinned = act(ines, session, made.pk, "pin", keeps="0")
    made.refresh_from_db()
    was_pinned = made.pinned
    pinned = act(ines, session, made.pk, "pin", keeps="1")
    made.refresh_from_db()

    assert "is intact" in verified.content.decode()
    assert verified.redirect_chain[-1][0] == address(session, "timeline")
    assert "It is kept as others of its type are." in unpinned.content.decode()
    assert "It is kept until you unpin it." in pinned.content.decode()
    assert (was_pinned, made.pinned) == (False, True)
    assert AuditEntry.objects.filter(action="pin", actor="ines").count() == 2


def kinds_of(session: ProcessingSession) -> Counter[str]:
    """Count a session's checkpoints by type."""
    return Counter(Checkpoint.objects.filter(session=session).values_list("checkpoint_type", flat=True))


def test_clean_up_deletes_what_nothing_asks_to_keep(ines: Client, session: ProcessingSession) -> None:
    commit(Batch.objects.filter(session=session).latest("number"), 1)
    made = take(session)
    act(ines, session, made.pk, "pin", keeps="0")
    before = kinds_of(session)

    response = ines.post(address(session, "checkpoints/clean"), {"keep": "1"}, follow=True)

    assert before - kinds_of(session) == {"image": 1}
    assert "1 checkpoint was deleted." in response.content.decode()
    assert AuditEntry.objects.get(action="cleanup").details["deleted"] == 1


@pytest.mark.parametrize("keep", ["", "0", "-1", "1001", "many", "9" * 300, "1\0"])
def test_clean_up_says_what_is_wrong_and_deletes_nothing(
    ines: Client, session: ProcessingSession, keep: str
) -> None:
    before = Checkpoint.objects.filter(session=session).count()

    response = ines.post(address(session, "checkpoints/clean"), {"keep": keep})

    assert response.status_code == 400
    assert "Enter a whole number from 1 to 1,000." in response.content.decode()
    assert Checkpoint.objects.filter(session=session).count() == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("timeline/?kind=nonsense", 400),
        ("timeline/?before=yesterday", 400),
        ("timeline/?before=0001-01-01T00:00:00%2B14:00", 400),
        ("timeline/?before=" + "9" * 500, 400),
        ("timeline/?before=2026-11-24T10:00:00%2B00:00", 200),
        ("checkpoints/?before=%00", 400),
        ("timeline/?kind=pauses", 200),
    ],
)
def test_pages_answer_bad_addresses_with_a_sentence(
    ines: Client, session: ProcessingSession, path: str, status: int
) -> None:
    assert ines.get(f"/sessions/{session.pk}/{path}").status_code == status


def test_checkpoint_of_another_session_is_not_found(ines: Client, session: ProcessingSession) -> None:
    other = take(sound_session(owner=make_user("other")))

    assert act(ines, session, other.pk, "pin", keeps="1").status_code == 404
    assert act(ines, session, uuid4(), "verify").status_code == 404
    assert act(ines, session, take(session).pk, "pin", keeps="2").status_code == 400


def test_auditor_may_verify_but_not_pin(session: ProcessingSession) -> None:
    auditor = make_user("audrey")
    auditor.groups.add(Group.objects.get(name="Auditor"))
    client, made = signed_in(auditor), take(session)

    assert act(client, session, made.pk, "verify").status_code == 200
    assert act(client, session, made.pk, "pin", keeps="0").status_code == 403
    made.refresh_from_db()
    assert made.pinned
