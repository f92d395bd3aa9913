"""The list of sessions: who sees what, in which order, and what it costs."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from processing.covers import LOOKED_AT
from processing.models import ImageResult, ProcessingSession
from processing.overview import rows_of
from processing.pictures import THUMBNAIL, _path
from processing.states import Stage
from processing.views.sessions import SESSIONS_PER_PAGE
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal
from tests.people import address, asked_by_htmx, make_user, signed_in, statements
from tests.recovery.sound import sound_session

pytestmark = pytest.mark.django_db
PAGE_BYTES_MAX = 100_000


def names(response: object) -> list[str]:
    """Names of the listed sessions, as the template got them."""
    return [row.session.name for row in response.context["rows"]]  # type: ignore[attr-defined]  # a test response


def test_list_sends_strangers_to_the_login() -> None:
    response = Client().get("/?status=paused")

    assert response.status_code == 302
    assert response.headers["Location"] == "/login/?next=/%3Fstatus%3Dpaused"


def test_list_sends_the_whole_page_to_the_login_when_a_part_is_asked_by_a_stranger() -> None:
    response = asked_by_htmx(Client(), "/")

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["HX-Redirect"] == "/login/?next=/"


def test_list_says_how_to_begin_when_it_is_empty() -> None:
    page = signed_in(make_user()).get("/").content.decode()

    assert "Nothing proofed yet" in page
    assert "python manage.py process FOLDER" in page
    assert "python manage.py demo" in page
    assert '<nav class="tabs"' not in page


def test_list_shows_own_sessions_only_when_the_person_is_no_superuser() -> None:
    ines, boss = make_user("ines"), make_user("boss", is_superuser=True)
    make_session(name="nobody's")
    make_session(name="mine", owner=ines)
    make_session(name="the boss's", owner=boss)

    assert names(signed_in(ines).get("/")) == ["mine"]
    assert names(signed_in(boss).get("/")) == ["the boss's", "mine", "nobody's"]


def test_list_counts_in_its_tabs_only_what_the_person_may_see() -> None:
    ines = make_user()
    make_session(owner=ines).pause()
    make_session(owner=None).pause()

    response = signed_in(ines).get("/")

    assert [(tab.name, tab.count) for tab in response.context["tabs"]] == [("", None), ("paused", 1)]


def test_list_shows_each_session_in_one_tab() -> None:
    ines = make_user()
    make_session(name="scanning", owner=ines, stage=Stage.SCANNING)
    make_session(name="running", owner=ines)
    make_session(name="comparing", owner=ines, stage=Stage.COMPARING)
    make_session(name="interrupted", owner=ines).latch()
    make_session(name="paused", owner=ines).pause()
    make_session(name="failed", owner=ines).fail("The disk is full.")
    make_session(name="cancelled", owner=ines).cancel()
    make_session(name="completed", owner=ines, stage=Stage.COMPLETED)
    client = signed_in(ines)

    tabs = ["running", "interrupted", "paused", "failed", "completed", "cancelled"]
    shown = {tab: names(client.get(f"/?status={tab}")) for tab in tabs}

    assert shown.pop("running") == ["comparing", "running", "scanning"]
    assert shown == {tab: [tab] for tab in tabs[1:]}
    assert sum(client.get("/").context["tabs"][index].count for index in range(1, 7)) == 8


def test_list_pages_by_key_without_losing_or_doubling_a_session() -> None:
    ines = make_user()
    for number in range(SESSIONS_PER_PAGE * 2 + 1):
        make_session(name=f"{number:03d}", owner=ines)
    instant = ProcessingSession.objects.newest_first().first()
    assert instant is not None
    ProcessingSession.objects.update(created_at=instant.created_at)  # The key alone must order them.
    client = signed_in(ines)

    shown, path = [], "/"
    while path:
        response = client.get(path)
        shown.append(names(response))
        following = response.context["next"]
        path = f"/?after={following.pk}" if following else ""

    assert [len(page) for page in shown] == [SESSIONS_PER_PAGE, SESSIONS_PER_PAGE, 1]
    assert len({name for page in shown for name in page}) == SESSIONS_PER_PAGE * 2 + 1


def test_list_answers_404_when_the_key_is_somebody_elses() -> None:
    hidden = make_session()

    response = signed_in(make_user()).get(f"/?after={hidden.pk}")

    assert response.status_code == 404


@pytest.mark.parametrize("query", ["status=nonsense", "after=7", f"version={'x' * 33}"])
def test_list_answers_400_when_it_is_asked_for_what_it_does_not_have(query: str) -> None:
    response = signed_in(make_user()).get(f"/?{query}")

    assert response.status_code == 400
    assert "This address could not be read" in response.content.decode()


def test_list_asks_as_many_queries_for_three_rows_as_for_one() -> None:
    ines = make_user()
    client = signed_in(ines)
    counted = []
    for rows_count in (1, 3):
        while ProcessingSession.objects.count() < rows_count:
            make_session(owner=ines)
        with CaptureQueriesContext(connection) as captured:
            response = client.get("/")
        assert len(response.context["rows"]) == rows_count
        counted.append(len(statements(captured)))

    assert counted[0] == counted[1]


def test_rows_ask_three_queries_however_many_work_on_them(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    parent = make_worker()
    sessions = [make_session(name=name) for name in ("one", "two", "three")]
    for session in sessions:
        worker = make_worker(parent=parent, lane_session=session, telemetry={"rate_per_s": 2.0})
        batch = make_batch(session=session, worker=worker)
        batch.commit(make_results(batch=batch, photos_count=2), no_seal)

    with django_assert_num_queries(3):
        rows = rows_of(sessions)

    assert [(row.snapshot.status["processed"], len(row.snapshot.workers)) for row in rows] == [(2, 1)] * 3


def test_rows_wait_for_workers_when_the_only_parent_serves_another_session() -> None:
    served, waiting = make_session(name="served"), make_session(name="waiting")
    make_worker(serves=served)

    rows = rows_of([served, waiting])

    assert [row.headline.word for row in rows] == ["Running", "Waiting for workers"]


def test_list_reads_of_results_only_the_first_of_each_session() -> None:
    ines = make_user()
    make_session(owner=ines)
    client = signed_in(ines)

    with CaptureQueriesContext(connection) as captured:
        client.get("/")

    (reading,) = [sql for sql in statements(captured) if "processing_imageresult" in sql]
    assert f'"position" < {LOOKED_AT}' in reading


def test_list_answers_204_until_something_changes() -> None:
    ines = make_user()
    session = make_session(owner=ines, total=4)
    client = signed_in(ines)
    version = client.get("/").context["version"]

    unchanged = asked_by_htmx(client, f"/?version={version}")
    session.pause(by="ines")
    changed = asked_by_htmx(client, f"/?version={version}")

    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert changed.status_code == 200
    assert changed.content.decode().strip().startswith('<div id="sessions"')
    assert "<html" not in changed.content.decode()


def test_list_answers_204_at_once_when_a_part_is_asked_again() -> None:
    ines = make_user()
    make_session(owner=ines)
    client = signed_in(ines)
    version = asked_by_htmx(client, "/").context["version"]

    assert asked_by_htmx(client, f"/?version={version}").status_code == 204


def test_list_says_that_sessions_were_interrupted_and_what_to_do() -> None:
    ines = make_user()
    for _ in range(2):
        make_session(owner=ines).latch()

    page = signed_in(ines).get("/").content.decode()

    assert "2 sessions were interrupted. Every saved verdict is safe." in page
    assert "Resume the safe ones" in page
    assert '<a class="button" id="waiting-look" href="/recovery/">Look at all 2</a>' in page


def test_rows_show_the_first_photos_that_have_a_thumbnail() -> None:
    ines = make_user("ines")
    session, empty = sound_session(owner=ines), make_session(owner=ines)
    for position in (0, 2):
        _path(ImageResult.objects.get(session=session, position=position), THUMBNAIL).unlink()
    new, judged = rows_of([empty, session])

    page = signed_in(ines).get("/").content.decode()

    assert (judged.photos, new.photos, len(new.blanks)) == ((1, 3, 4), (), 3)
    shown = re.findall(r'<img src="/sessions/[-0-9a-f]+/thumbnails/(\d+)" [^>]*loading="lazy">', page)
    assert shown == ["1", "3", "4"]
    assert page.count('<div class="frame-blank">') == 3
    assert signed_in(make_user("otto")).get(address(session, "thumbnails/1").rstrip("/")).status_code == 404


@pytest.mark.parametrize(
    ("step", "word", "path"),
    [("latch", "Recover…", "recovery/"), ("cancel", "Photos", "results/"), ("pause", "Open", "")],
)
def test_row_leads_where_the_session_needs_somebody(step: str, word: str, path: str) -> None:
    ines = make_user()
    session = make_session(owner=ines, name="Coast")
    getattr(session, step)()

    page = signed_in(ines).get("/").content.decode()

    assert f'id="open-{session.pk}" href="{address(session)}{path}">{word}<span' in page


def test_list_stays_light_when_the_page_is_full() -> None:
    ines = make_user()
    for _ in range(SESSIONS_PER_PAGE):
        make_session(owner=ines, name="A name of usual length", total=1000, processed=900, approved=900)

    response = signed_in(ines).get("/")

    assert len(response.content) < PAGE_BYTES_MAX


def test_list_is_kept_out_of_caches_and_tells_part_from_page() -> None:
    response = signed_in(make_user()).get("/")

    assert "no-store" in response.headers["Cache-Control"]
    assert "HX-Request" in response.headers["Vary"]
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
