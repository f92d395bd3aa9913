"""The photos of a session: filters from stored counts, pages, empty states, and what has come since."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing import gallery
from processing.models import ProcessingSession
from processing.overriding import override
from processing.states import Status
from tests.factories import make_batch, make_results, make_session, make_worker, no_seal
from tests.people import asked_by_htmx, make_user, signed_in, statements
from tests.recovery.sound import completed_session, sound_session

pytestmark = pytest.mark.django_db


def results_of(session: ProcessingSession, query: str = "") -> str:
    """Give the address of the photos."""
    return f"/sessions/{session.pk}/results/{query}"


@pytest.fixture
def judged(ines: Client) -> ProcessingSession:
    """Give her completed session of 8 photos: 3 approved, 2 noisy, 1 duplicate, 2 unreadable."""
    return completed_session(owner_id=ines.session["_auth_user_id"], name="Autumn travel")


def shown(client: Client, session: ProcessingSession, query: str = "") -> list[int]:
    """Give the positions of the frames."""
    return [frame.position for frame in client.get(results_of(session, query)).context["gallery"].frames]


def test_page_shows_facets_with_stored_counts(ines: Client, judged: ProcessingSession) -> None:
    found = ines.get(results_of(judged)).context["gallery"]

    assert [(facet.word, facet.count) for facet in found.verdicts] == [
        ("All", 8),
        ("Approved", 3),
        ("Rejected", 3),
        ("Unreadable", 2),
        ("Quarantined", 0),
    ]
    assert [(facet.word, facet.count) for facet in found.reasons] == [
        ("Any", 8),
        ("Noise", 4),
        ("Exact duplicate", 1),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("?verdict=rejected", [1, 2, 5]),
        ("?reason=noise", [1, 3, 5, 7]),
        ("?verdict=rejected&reason=noise", [1, 5]),
        ("?reason=duplicate", [2]),
        ("?after=5", [6, 7]),
        ("?reason=not_a_reason", []),
    ],
)
def test_page_shows_what_the_address_asks_for(
    ines: Client, judged: ProcessingSession, query: str, expected: list[int]
) -> None:
    assert shown(ines, judged, query) == expected


def test_page_says_whose_verdict_decides_and_why(ines: Client, judged: ProcessingSession) -> None:
    override(judged, [1], "approved", by="ines", note="the <grain> is wanted")
    override(judged, [5], "approved", by="ada")

    response = ines.get(results_of(judged))

    frames = {frame.position: frame for frame in response.context["gallery"].frames}
    assert (frames[1].hand, frames[1].note, frames[1].why) == ("by you", "the <grain> is wanted", "Noise")
    assert (frames[5].hand, frames[0].hand) == ("by ada", "")
    assert "the &lt;grain&gt; is wanted" in response.content.decode()


def test_photo_stays_in_its_place_after_a_verdict_until_the_page_is_left(
    ines: Client, judged: ProcessingSession
) -> None:
    override(judged, [1], "approved", by="ines")

    assert shown(ines, judged, "?verdict=rejected&said=1") == [1, 2, 5]
    assert shown(ines, judged, "?verdict=rejected") == [2, 5]


def test_pages_lead_on_behind_the_last_photo(
    ines: Client, judged: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "PHOTOS_PER_PAGE", 3)

    first = ines.get(results_of(judged)).context["gallery"]
    second = ines.get(results_of(judged, f"?{first.next_query}")).context["gallery"]

    assert (first.next_query, [frame.position for frame in second.frames]) == ("after=2", [3, 4, 5])
    assert (first.is_partial, first.first_number, first.last_number) == (False, 1, 3)


def test_page_says_what_to_do_when_nothing_is_judged_yet(ines: Client, session: ProcessingSession) -> None:
    page = ines.get(results_of(session)).content.decode()

    assert "No photo is judged yet" in page
    assert "Open the overview" in page


def test_page_leads_to_all_photos_when_none_match(ines: Client, judged: ProcessingSession) -> None:
    page = ines.get(results_of(judged, "?verdict=quarantined")).content.decode()

    assert "No photo matches" in page
    assert "Show all 8 photos" in page


def test_page_says_how_many_are_new_instead_of_moving(ines: Client) -> None:
    session = sound_session(owner_id=ines.session["_auth_user_id"])

    same = asked_by_htmx(ines, results_of(session, "?seen=10"))
    more = asked_by_htmx(ines, results_of(session, "?seen=7"))
    rejected = asked_by_htmx(ines, results_of(session, "?verdict=rejected&seen=0"))

    assert same.status_code == 204
    assert "3 new" in more.content.decode()
    assert 'hx-get="' in more.content.decode()
    assert "3 new" in rejected.content.decode()


def test_page_asks_no_more_when_the_session_has_ended(ines: Client, judged: ProcessingSession) -> None:
    part = asked_by_htmx(ines, results_of(judged, "?seen=8")).content.decode()

    assert judged.status == Status.COMPLETED
    assert "hx-get" not in part
    assert "new" not in part.replace('id="news"', "")


@pytest.mark.parametrize(
    "query",
    [
        "?verdict=good",
        "?reason=a%20b",
        "?reason=%00",
        f"?reason={'n' * 41}",
        "?after=-1",
        "?after=x",
        f"?after={'9' * 30}",
        "?said=1,2",
        f"?act={'a' * 2601}",
        "?seen=-3",
    ],
)
def test_page_answers_400_when_the_address_makes_no_sense(
    ines: Client, judged: ProcessingSession, query: str
) -> None:
    assert ines.get(results_of(judged, query)).status_code == 400


def test_page_says_nothing_of_an_act_that_it_does_not_know(ines: Client, judged: ProcessingSession) -> None:
    response = ines.get(results_of(judged, "?act=WzFd:forged"))

    assert (response.status_code, response.context["done"]) == (200, None)


def test_viewer_sees_buttons_with_the_reason_why_they_do_nothing(judged: ProcessingSession) -> None:
    auditor = make_user("auditor", is_superuser=False)
    auditor.groups.add(Group.objects.get(name="Auditor"))

    page = signed_in(auditor).get(results_of(judged, "?verdict=rejected")).content.decode()

    assert page.count('aria-disabled="true"') == 3
    assert "You may look at this session, but not change it." in page
    assert 'name="one"' not in page


@pytest.mark.parametrize(
    "query", ["", "?verdict=approved", "?reason=noise", "?verdict=rejected&reason=noise"]
)
def test_page_asks_as_often_with_60_photos_as_with_four_and_never_counts_results(
    ines: Client, query: str
) -> None:
    few = make_judged(ines, 4)
    many = make_judged(ines, 120)

    captured = []
    for session in (few, many):
        with CaptureQueriesContext(connection) as queries:
            ines.get(results_of(session, query))
        captured.append(queries)

    assert len(captured[0]) == len(captured[1])
    assert [sql for sql in statements(captured[1]) if "COUNT(" in sql and "imageresult" in sql] == []


def make_judged(client: Client, photos_count: int) -> ProcessingSession:
    """Make her session with as many noisy photos, each second one rejected."""
    session = make_session(
        owner_id=client.session["_auth_user_id"], total=photos_count, found_count=photos_count, batch_size=60
    )
    worker = make_worker()
    for first in range(0, photos_count, 60):
        batch = make_batch(session=session, photos_count=min(60, photos_count - first), worker=worker)
        rows = make_results(batch=batch, photos_count=60)
        for row in rows:
            row.reasons = [{"code": "noise", "measured": 2.0, "limit": 1.0}]
            row.verdict = row.decision = "rejected" if row.position % 2 else "approved"
        batch.commit(rows, no_seal)
    return session
