"""One session's page: what it says in each state, and what it costs."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from processing.access import AUDITOR
from processing.models import Batch, ProcessingSession, Worker
from processing.overview import BATCHES_MAX, overview_of
from processing.states import Stage, Status, Verdict
from tests.factories import (
    make_batch,
    make_crash,
    make_result,
    make_results,
    make_session,
    make_worker,
    no_seal,
)
from tests.people import address, asked_by_htmx, make_user, signed_in, statements

pytestmark = pytest.mark.django_db
TOKENS = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def make_labor(session: ProcessingSession) -> Worker:
    """Make a worker in a lane of the session, and its parent."""
    telemetry = {"photo": "day 2/000001.jpg", "rate_per_s": 2.5}
    return make_worker(parent=make_worker(), lane_session=session, device="cpu", telemetry=telemetry)


def test_page_sends_strangers_to_the_login(session: ProcessingSession) -> None:
    response = Client().get(address(session))

    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={address(session)}"


@pytest.mark.parametrize("step", ["", "pause", "resume", "cancel"])
def test_page_answers_404_when_the_session_is_somebody_elses(session: ProcessingSession, step: str) -> None:
    other = signed_in(make_user("other"))
    path = address(session, step)

    response = other.post(path) if step else other.get(path)

    session.refresh_from_db()
    assert response.status_code == 404
    assert session.status == Status.RUNNING


def test_page_answers_404_when_there_is_no_such_session(ines: Client) -> None:
    assert ines.get(f"/sessions/{uuid4()}/").status_code == 404


def test_page_shows_stored_counters_of_finished_and_open_batches(
    ines: Client, session: ProcessingSession
) -> None:
    worker = make_labor(session)
    first, second = make_batch(session=session, worker=worker), make_batch(session=session, worker=worker)
    first.commit(make_results(batch=first, photos_count=4), no_seal)
    noisy = make_result(batch=second, position=4, verdict=Verdict.REJECTED, reason="noise")
    broken = make_result(batch=second, position=5, verdict=Verdict.UNREADABLE, reason="truncated")
    second.commit([noisy, broken], no_seal)

    response = ines.get(address(session))

    page = response.content.decode()
    assert '<span id="figure-processed">6</span>' in page
    assert [(bar.code, bar.count) for bar in response.context["overview"].verdicts] == [
        ("approved", 4),
        ("rejected", 1),
        ("unreadable", 1),
        ("quarantined", 0),
    ]
    assert [(bar.word, bar.count) for bar in response.context["overview"].reasons] == [
        ("Noise", 1),
        ("File ends too early", 1),
    ]
    assert "2.5" in page
    assert "day 2/000001.jpg" in page


def test_page_says_waiting_for_workers_when_no_process_serves_it(
    ines: Client, session: ProcessingSession
) -> None:
    make_worker(serves=make_session(name="another"))

    page = ines.get(address(session)).content.decode()

    assert "Waiting for workers" in page
    assert "manage.py serve" in page


def test_page_says_running_when_a_parent_serves_all_sessions(
    ines: Client, session: ProcessingSession
) -> None:
    make_worker()

    page = ines.get(address(session)).content.decode()

    assert "Running" in page
    assert "Waiting for workers" not in page


def test_page_says_how_many_photos_were_found_while_scanning(
    ines: Client, session: ProcessingSession
) -> None:
    make_worker()
    ProcessingSession.objects.filter(pk=session.pk).update(
        stage=Stage.SCANNING, total=None, found_count=12_345
    )

    page = ines.get(address(session)).content.decode()

    assert "Scanning" in page
    assert '<dd id="figure-found">12,345</dd>' in page


def test_page_says_stopping_until_the_last_worker_has_left_a_paused_session(
    ines: Client, session: ProcessingSession
) -> None:
    worker = make_labor(session)
    session.pause(by="ines", why="making room")

    stopping = ines.get(address(session)).content.decode()
    worker.enter_lane(None)
    stopped = ines.get(address(session)).content.decode()

    assert "Stopping after this batch" in stopping
    assert "Stopping after this batch" not in stopped
    assert "asked by ines: making room" in stopped


def test_page_leads_to_the_recovery_when_the_session_was_interrupted(
    ines: Client, session: ProcessingSession
) -> None:
    session.latch()
    make_crash(
        worker=make_worker(),
        session=session,
        crash_type="power_failure",
        probabilities={"power_failure": 0.91},
        photo="b/c.jpg",
        evidence=["A worker 7 ended."],
    )

    page = ines.get(address(session)).content.decode()

    assert "<strong>Very likely a power failure</strong> (91\u00a0%)." in page
    assert "Interrupted at" in page
    assert f'href="/sessions/{session.pk}/recovery/">Recover…</a>' in page
    assert "Last crash" in page
    assert "A worker 7 ended." in page
    assert "b/c.jpg" in page


def test_page_bears_no_figure_when_the_cause_of_the_crash_is_unknown(
    ines: Client, session: ProcessingSession
) -> None:
    session.latch()
    make_crash(worker=make_worker(), session=session, crash_type="unknown", probabilities={"unknown": 0.82})

    page = ines.get(address(session)).content.decode()

    assert "<strong>What ended it left no trace</strong>." in page
    assert "82\u00a0%" not in page


def test_page_says_why_the_session_failed(ines: Client, session: ProcessingSession) -> None:
    session.fail("The source cannot be read: it is gone.")

    page = ines.get(address(session)).content.decode()

    assert "The source cannot be read: it is gone." in page


def test_page_says_how_many_photos_can_only_fail_a_file_rule(
    ines: Client, session: ProcessingSession
) -> None:
    ProcessingSession.objects.filter(pk=session.pk).update(doomed_counts={"not_jpeg": 3}, skipped_count=2)

    page = ines.get(address(session)).content.decode()

    assert "3 photos can only end as “Not a JPEG”, by their names alone." in page
    assert "--skipped" in page


def test_page_estimates_until_a_pace_is_known(ines: Client, session: ProcessingSession) -> None:
    worker = make_labor(session)
    known = ines.get(address(session)).content.decode()
    worker.keep_alive({})

    unknown = ines.get(address(session)).content.decode()

    assert "estimating" not in known
    assert "estimating" in unknown


def test_page_escapes_what_the_disk_calls_its_files(ines: Client, session: ProcessingSession) -> None:
    worker = make_labor(session)
    worker.keep_alive({"photo": "<script>alert(1)</script>.jpg"})

    page = ines.get(address(session)).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in page


def test_part_is_made_once_for_all_who_look_within_a_moment(
    ines: Client, session: ProcessingSession, settings: Settings
) -> None:
    settings.SHARED_LOOK_S = 3600
    administrator = signed_in(make_user("ada", is_superuser=True))
    make_labor(session)
    first = asked_by_htmx(ines, address(session)).content.decode()
    Batch.objects.filter(session=session).delete()
    ProcessingSession.objects.filter(pk=session.pk).update(name="Renamed")

    with CaptureQueriesContext(connection) as captured:
        second = asked_by_htmx(administrator, address(session)).content.decode()

    assert TOKENS.sub("", first) == TOKENS.sub("", second)
    assert len({*TOKENS.findall(first), *TOKENS.findall(second)}) == 2
    assert [sql for sql in statements(captured) if "processing_worker" in sql] == []
    assert "Renamed" in ines.get(address(session)).content.decode()


def test_part_is_not_shared_with_who_may_do_less_or_see_nothing(
    ines: Client, session: ProcessingSession, settings: Settings
) -> None:
    settings.SHARED_LOOK_S = 3600
    auditor = make_user("auditor")
    auditor.groups.add(Group.objects.get(name=AUDITOR))
    asked_by_htmx(ines, address(session))

    audited = asked_by_htmx(signed_in(auditor), address(session))
    stranger = asked_by_htmx(signed_in(make_user("other")), address(session))

    assert "You may look at this session, but not change it." in audited.content.decode()
    assert stranger.status_code == 404


def test_part_has_tokens_with_which_its_buttons_work(ines: Client, session: ProcessingSession) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["sessionid"] = ines.cookies["sessionid"].value
    token = TOKENS.findall(asked_by_htmx(browser, address(session)).content.decode())[0]

    response = browser.post(address(session, "pause"), {"csrfmiddlewaretoken": token})

    session.refresh_from_db()
    assert (response.status_code, session.status) == (302, Status.PAUSED)


def test_part_answers_204_until_something_changes(ines: Client, session: ProcessingSession) -> None:
    batch = make_batch(session=session, worker=make_worker())
    version = ines.get(address(session)).context["overview"].version

    unchanged = asked_by_htmx(ines, f"{address(session)}?version={version}")
    batch.commit(make_results(batch=batch, photos_count=2), no_seal)
    changed = asked_by_htmx(ines, f"{address(session)}?version={version}")

    part = changed.content.decode()
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert changed.status_code == 200
    assert part.strip().startswith('<div id="session"')
    assert '<span id="figure-processed">2</span>' in part
    assert "<html" not in part
    assert "HX-Request" in changed.headers["Vary"]


def test_part_says_aloud_only_what_was_not_said_before(ines: Client, session: ProcessingSession) -> None:
    milestone = ines.get(address(session)).context["overview"].milestone

    silent = asked_by_htmx(ines, f"{address(session)}?said={milestone}").content.decode()
    session.pause()
    aloud = asked_by_htmx(ines, f"{address(session)}?said={milestone}").content.decode()

    assert "hx-swap-oob" not in silent
    assert "Autumn travel: Paused" in aloud


@pytest.mark.parametrize("step", ["cancel", "complete"])
def test_part_asks_no_more_when_the_session_is_finished(
    ines: Client, session: ProcessingSession, step: str
) -> None:
    living = ines.get(address(session)).content.decode()
    if step == "cancel":
        session.cancel()
    else:
        ProcessingSession.objects.filter(pk=session.pk).update(stage=Stage.COMPLETED)

    finished = asked_by_htmx(ines, address(session)).content.decode()

    assert "hx-get" in living
    assert "hx-get" not in finished


def test_page_asks_as_many_queries_for_three_workers_and_batches_as_for_one(
    session: ProcessingSession,
) -> None:
    counted = []
    for rows_count in (1, 3):
        while Batch.objects.count() < rows_count:
            batch = make_batch(session=session, worker=make_labor(session), photos_count=2)
            batch.commit(make_results(batch=batch, photos_count=1), no_seal)
        session.refresh_from_db()
        with CaptureQueriesContext(connection) as captured:
            overview = overview_of(session, crash=None)
        assert len(overview.workers) == rows_count
        counted.append(statements(captured))

    assert len(counted[0]) == len(counted[1])
    assert [sql for sql in counted[1] if "processing_imageresult" in sql] == []


@pytest.mark.parametrize(("total", "averages"), [(8, True), (600, False)])
def test_strip_says_that_frames_show_an_average_when_batches_are_coarser(
    ines: Client, session: ProcessingSession, *, total: int, averages: bool
) -> None:
    ProcessingSession.objects.filter(pk=session.pk).update(total=total)  # 60 frames; batches of 4

    page = ines.get(address(session)).content.decode()

    assert ("The frames of a batch show its average." in page) is averages


def test_strip_shows_progress_alone_when_the_session_has_too_many_batches(
    ines: Client, session: ProcessingSession
) -> None:
    rows = [
        Batch(
            session=session, number=number, kind="photos", first_position=number, photos_count=1,
            status="done", processed=1, rejected=1,
        )
        for number in range(BATCHES_MAX + 1)
    ]  # fmt: skip
    Batch.objects.bulk_create(rows[:-1])
    ProcessingSession.objects.filter(pk=session.pk).update(total=BATCHES_MAX + 1)
    few = ines.get(address(session)).context["overview"].strip
    Batch.objects.bulk_create(rows[-1:])

    many = ines.get(address(session)).context["overview"].strip

    assert "rejected" in {mark.tone for mark in few.marks}
    assert "rejected" not in {mark.tone for mark in many.marks}
