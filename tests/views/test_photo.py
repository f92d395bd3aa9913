"""One photo's page: why it was judged so, what it is beside, and who has said what of it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from processing import marks
from processing.analysis.verdict import ADOBE_STOCK
from processing.gallery import Place
from processing.models import ImageResult, ProcessingSession
from processing.overriding import override, withdraw
from processing.pictures import Details
from processing.review import Review, live_row, review_of
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal
from tests.recovery.sound import completed_session
from tests.views.test_results import make_judged

pytestmark = pytest.mark.django_db
DETAILS = Details(
    spots={"noise": (3000, 1500), "out_of_focus": (0, 0)},
    crops={"noise": (2700, 1200, 600, 600)},
    facts={"camera": "Canon EOS 450D", "shutter_s": 0.005, "aperture": 8.0, "focal_mm": 18.0, "iso": 400},
    histogram={"red": [9] + [1] * 63, "green": [0] * 64, "blue": [1] * 64},
)


@pytest.fixture
def judged(ines: Client) -> ProcessingSession:
    """Give her completed session of 8 photos."""
    return completed_session(owner_id=ines.session["_auth_user_id"])


def path_of(session: ProcessingSession, position: int, query: str = "") -> str:
    """Give the address of a photo."""
    return f"/sessions/{session.pk}/results/{position}/{query}"


def review(session: ProcessingSession, position: int, details: Details | None = None) -> Review:
    """Build a photo's page without asking a view."""
    row = live_row(session, position)
    assert row is not None
    return review_of(session, row, Place(), "ines", details)


def make_noisy() -> ProcessingSession:
    """Make a session with one photo that breaks two rules, of 6,000 to 4,000 pixels."""
    session = make_session(preset=dict(ADOBE_STOCK), total=1, found_count=1)
    reasons = [
        {"code": "noise", "measured": 2.7, "limit": 1.35},
        {"code": "overexposed", "measured": 0.02, "limit": 0.014},
    ]
    batch = make_batch(session=session, photos_count=1, worker=make_worker())
    measures = {"noise": 2.7, "burnt": 0.02, "focus": 0.5, "steadiness": 0.1, "contrast": 0.9}
    row = make_result(batch=batch, position=0, verdict="rejected", reasons=reasons, measures=measures)  # type: ignore[arg-type]  # a text
    row.width_px, row.height_px = 6000, 4000
    batch.commit([row], no_seal)
    return session


def test_reasons_stand_with_what_was_measured_against_the_limit() -> None:
    found = review(make_noisy(), 0)

    assert found.title == "2 reasons against it"
    assert [(one.word, one.value, one.spoken) for one in found.broken] == [
        ("Noise", "2.7\u00a0levels", "Noise: 2.7\u00a0levels; at most 1.35\u00a0levels is allowed"),
        ("Overexposed", "2\u00a0%", "Overexposed: 2\u00a0%; at most 1.4\u00a0% is allowed"),
    ]
    gauge = found.broken[0].gauge
    assert gauge is not None
    assert (gauge.limit_x, gauge.value_x, gauge.refused_x) == ("139.1", "278.3", "139.1")


def test_checks_of_the_whole_photo_say_so_because_they_have_no_mark(
    ines: Client, judged: ProcessingSession
) -> None:
    reasons = [{"code": code, "measured": 1.0, "limit": 0.5} for code in ("low_contrast", "noise")]
    ImageResult.objects.filter(session=judged, position=1).update(reasons=reasons)

    page = ines.get(path_of(judged, 1)).content.decode()

    tag = '<span class="tag">the whole photo</span>'
    assert (f"Low contrast</strong>{tag}" in page, f"Noise</strong>{tag}" in page) == (True, False)


def test_passed_checks_are_those_that_lie_within_their_limits() -> None:
    found = review(make_noisy(), 0)

    assert [one.word for one in found.passed] == [
        "Too small",
        "Too large",
        "File too big",
        "Out of focus",
        "Low contrast",
    ]


def test_marks_loupes_and_histogram_are_drawn_from_the_details() -> None:
    found = review(make_noisy(), 0, DETAILS)

    assert [(mark.numeral, mark.word) for mark in found.marks] == [(1, "Noise"), (2, "Out of focus")]
    assert found.view_box == "0 0 4272 2848"
    assert (found.marks[0].x, found.marks[0].width, found.marks[1].x) == ("1901", "470", "0")
    assert [(one.numeral, one.x, one.y, one.is_within) for one in found.loupes] == [(1, 2700, 1200, False)]
    assert [curve.channel for curve in found.curves] == ["red", "green", "blue"]
    assert found.tones == "most tones lie in the middle, many are black"
    assert [(fact.word, fact.value) for fact in found.camera_facts] == [
        ("Camera", "Canon EOS 450D"),
        ("Focal length", "18\u00a0mm"),
        ("Aperture", "f/8"),
        ("Shutter", "1/200\u00a0s"),
        ("ISO", "400"),
    ]


def test_curves_are_left_out_when_the_histogram_is_empty() -> None:
    nothing = Details({}, {}, {}, {"red": [0] * 64})

    assert (marks.curves_of(nothing), marks.tones_of(nothing), marks.curves_of(None)) == ([], "", [])


def test_history_tells_who_said_what_and_which_counts(ines: Client, judged: ProcessingSession) -> None:
    override(judged, [1], "approved", by="ada", note="wanted")
    withdraw(judged, [1], by="ines")
    override(judged, [1], "approved", by="ines")

    found = review(judged, 1)

    assert [(said.who, said.word, said.note, said.counts) for said in found.history] == [
        ("by you", "Approved", "", True),
        ("by you", "Withdrawn", "", False),
        ("by ada", "Approved", "wanted", False),
    ]
    assert (found.machine.who, found.machine.word, found.machine.counts) == (
        "by Stockproof",
        "Rejected",
        False,
    )


def test_page_leads_on_within_the_filter(ines: Client, judged: ProcessingSession) -> None:
    found = ines.get(path_of(judged, 2, "?verdict=rejected")).context["review"]

    assert (found.previous, found.next) == (1, 5)
    assert [frame.position for frame in found.strip] == [1, 2, 5]


def test_page_says_that_a_photo_has_no_verdict_yet(ines: Client, session: ProcessingSession) -> None:
    ProcessingSession.objects.filter(pk=session.pk).update(found_count=8)

    waiting, beyond = (ines.get(path_of(session, position)) for position in (3, 8))

    assert (waiting.status_code, beyond.status_code) == (404, 404)
    assert "It has no verdict yet" in waiting.content.decode()
    assert "There is no such photo" in beyond.content.decode()


def test_page_answers_404_when_the_position_is_no_number_of_a_database(
    ines: Client, judged: ProcessingSession
) -> None:
    assert ines.get(path_of(judged, 10**40)).status_code == 404


@pytest.mark.parametrize("query", ["?verdict=good", "?after=x", "?reason=%00"])
def test_page_answers_400_when_the_place_makes_no_sense(
    ines: Client, judged: ProcessingSession, query: str
) -> None:
    assert ines.get(path_of(judged, 1, query)).status_code == 400


@pytest.mark.parametrize("query", ["", "?verdict=rejected", "?reason=noise"])
def test_page_asks_as_often_among_few_photos_as_among_many(ines: Client, query: str) -> None:
    counts = []
    for session in (make_judged(ines, 8), make_judged(ines, 120)):
        with CaptureQueriesContext(connection) as captured:
            ines.get(path_of(session, 3, query))
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_page_copes_with_a_photo_that_was_never_decoded(ines: Client, judged: ProcessingSession) -> None:
    ImageResult.objects.filter(session=judged, position=3).update(
        width_px=None, height_px=None, sha256="", measures={}, note="The file ends too early."
    )

    page = ines.get(path_of(judged, 3)).content.decode()

    assert "The file ends too early." in page
    assert "It could not be decoded" in page
