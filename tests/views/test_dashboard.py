"""The recovery dashboard, the crash history and the statistics: what they show, to whom, and at what cost."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.models import ProcessingSession
from recovery.dashboard import crashes_of
from recovery.models import Crash, RecoveryAttempt
from tests.factories import MADE_AT, make_crash, make_session, make_worker
from tests.people import asked_by_htmx, make_user, signed_in
from tests.recovery.sound import ended_worker, sound_session, write_files

pytestmark = pytest.mark.django_db


@pytest.fixture
def ines(db: None) -> Client:
    """A signed-in owner of sessions."""
    return signed_in(make_user("ines"))


def interrupted_session(folder: Path, **columns: Any) -> ProcessingSession:
    """Make an interrupted session with its crash; its photos lie where its manifest says."""
    owner = User.objects.get(username="ines")
    session = sound_session(owner=owner, source_path=write_files(folder, 12), **columns)
    make_crash(
        worker=make_worker(),
        session=session,
        interrupts=True,
        crash_type="power_failure",
        probabilities={"power_failure": 0.91, "unknown": 0.09},
        photo="000010.jpg",
    )
    session.latch()
    return session


def test_dashboard_says_who_waits_why_and_what_continuing_keeps(ines: Client, tmp_path: Path) -> None:
    session = interrupted_session(tmp_path / "photos", name="Coast and harbor")

    plain = ines.get("/recovery/").content.decode()
    looked = ines.get("/recovery/?looks=1").content.decode()

    assert "Very likely a power failure" in plain
    assert "91\u00a0%" in plain
    assert "Looking at the photos" in plain
    assert "while at 000010.jpg" in plain
    assert f'value="{session.pk}"' in looked
    assert "Looking at the photos" not in looked
    assert "10 of 12" in looked


def test_dashboard_says_that_nothing_waits_when_nothing_does(ines: Client) -> None:
    page = ines.get("/recovery/").content.decode()

    assert "Nothing is interrupted." in page
    assert "Nothing has crashed." in page
    assert "No worker is there." in page


def test_part_of_the_interrupted_comes_once_with_a_look_and_then_only_when_it_changes(
    ines: Client, tmp_path: Path
) -> None:
    session = interrupted_session(tmp_path / "photos")
    page = ines.get("/recovery/")
    version = page.context["interrupted_rows"].version

    first = asked_by_htmx(ines, f"/recovery/?part=interrupted&version={version}")
    shown = first.context["shown"].replace(" ", "%20")
    second = asked_by_htmx(ines, f"/recovery/?part=interrupted&version={shown}")
    session.recover()
    third = asked_by_htmx(ines, f"/recovery/?part=interrupted&version={shown}")

    assert "<html" not in first.content.decode()
    assert second.status_code == 204
    assert "Nothing is interrupted." in third.content.decode()


def test_running_part_names_hosts_and_hides_the_photos_of_others(ines: Client) -> None:
    mine = make_session(owner=User.objects.get(username="ines"), total=8, name="Mine")
    theirs = make_session(owner=make_user("other"), total=8, name="Theirs")
    for session, photo in ((mine, "mine.jpg"), (theirs, "theirs.jpg")):
        make_worker(
            parent=make_worker(),
            lane_session=session,
            device="cpu",
            telemetry={"photo": photo, "rate_per_s": 2.0, "rss_bytes": 10**9},
        )

    response = ines.get("/recovery/")
    page = response.content.decode()
    again = asked_by_htmx(ines, f"/recovery/?part=running&version={response.context['running'].version}")

    assert "mine.jpg" in page
    assert "theirs.jpg" not in page
    assert "Theirs" not in page
    assert [host.rate for host in response.context["running"].hosts] == ["4.0"]
    assert again.status_code in (200, 204)


def test_crashes_of_one_instant_are_not_parted_by_pages(ines: Client) -> None:
    owner = User.objects.get(username="ines")
    session, worker = make_session(owner=owner), make_worker()
    instants = [MADE_AT] * 3 + [MADE_AT - timedelta(seconds=1)] * 5 + [MADE_AT - timedelta(seconds=2)]
    made = [make_crash(worker=worker, session=session, detected_at=at).pk for at in instants]

    first, more = crashes_of(owner, None, 5)
    second, end = crashes_of(owner, more, 5)
    whole, nothing = crashes_of(owner, MADE_AT - timedelta(seconds=1.5), 1)

    assert [len(first), len(second), more, end] == [8, 1, instants[4], None]
    assert {row.crash.pk for row in (*first, *second)} == set(made)
    assert ([row.crash.pk for row in whole], nothing) == ([made[-1]], None)


def test_crash_history_tells_how_each_went_on_and_is_paged(ines: Client) -> None:
    owner = User.objects.get(username="ines")
    session = make_session(owner=owner)
    attempt = RecoveryAttempt.objects.create(session=session, number=1, option="restart_batch", by="ines")
    crash = make_crash(worker=make_worker(), session=session, interrupts=True)
    Crash.objects.filter(pk=crash.pk).update(
        closed_by=attempt, closed_at=crash.detected_at + timedelta(seconds=48)
    )
    for _ in range(12):
        make_crash(worker=make_worker(), session=session)

    page = ines.get("/recovery/")
    history = ines.get("/recovery/crashes/").content.decode()

    assert len(page.context["crashes"]) == 10
    assert "All crashes" in page.content.decode()
    assert "Open batches restarted by ines" in history
    assert "48\u00a0s" in history
    assert history.count("Other workers went on") == 12


def test_nothing_of_others_is_seen_but_by_those_who_audit(ines: Client) -> None:
    make_crash(worker=make_worker(), session=make_session(owner=make_user("other"), name="Secret harbor"))
    auditor = make_user("audrey")
    auditor.groups.add(Group.objects.get(name="Auditor"))

    for path in ("/recovery/", "/recovery/crashes/", "/statistics/"):
        assert "Secret harbor" not in ines.get(path).content.decode()
    assert "Secret harbor" in signed_in(auditor).get("/recovery/crashes/").content.decode()
    assert ines.get("/statistics/").context["figures"].statistics.crashes == 0
    assert signed_in(auditor).get("/statistics/").context["figures"].statistics.crashes == 1


def test_statistics_draw_crashes_by_day_and_cause(ines: Client) -> None:
    session = make_session(owner=User.objects.get(username="ines"))
    for crash_type, days in (("out_of_memory", 0), ("out_of_memory", 0), ("stopped", 3)):
        crash = make_crash(worker=make_worker(), session=session, crash_type=crash_type)
        Crash.objects.filter(pk=crash.pk).update(detected_at=timezone.now() - timedelta(days=days))

    figures = ines.get("/statistics/?since=7d").context["figures"]

    assert [(line.word, line.text) for line in figures.causes] == [
        ("Out of memory", "2"),
        ("Stopped by a person", "1"),
    ]
    assert [(column.fill, column.height) for column in figures.chart.columns] == [
        ("keep", "49.0"),
        ("safelight", "99.0"),
    ]
    assert figures.chart.finding == "Crashes a day by cause, at most 2 on one day."


@pytest.mark.parametrize("since", ["7d", "30d", "90d", "all", "2026-01-01"])
def test_statistics_answer_for_every_span(ines: Client, since: str) -> None:
    assert ines.get("/statistics/", {"since": since}).status_code == 200


@pytest.mark.parametrize(
    "since", ["soon", "-1d", "1\0d", "9" * 60, "99999999-01-01", "0001-01-01T00:00:00+14:00"]
)
def test_statistics_say_what_is_wrong_with_a_time(ines: Client, since: str) -> None:
    response = ines.get("/statistics/", {"since": since})

    assert response.status_code == 400
    assert 'class="error"' in response.content.decode()


@pytest.mark.parametrize(
    "query",
    ["?part=all", "?version=" + "x" * 50, "?part=%00", "crashes/?before=9999-12-31T23:59:59-12:00"],
)
def test_dashboard_answers_bad_addresses_with_400(ines: Client, query: str) -> None:
    assert ines.get(f"/recovery/{query}").status_code == 400


def test_dashboard_costs_as_many_queries_with_many_crashes_as_with_few(ines: Client) -> None:
    owner = User.objects.get(username="ines")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ines.get("/recovery/").status_code == 200
        return len(captured)

    # One that has ended long since: nobody looks after it while the queries are counted.
    worker = ended_worker()

    def crash_somewhere() -> None:
        make_crash(worker=worker, session=make_session(owner=owner))

    crash_somewhere()
    cost()
    few = cost()
    for _ in range(30):
        crash_somewhere()

    assert cost() == few
