"""Photos that match a filter are found page by page, forwards and backwards, however early a look has to end."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing import looking
from processing.looking import Filter, look
from processing.models import ImageResult, ProcessingSession
from processing.overriding import override
from tests.factories import make_batch, make_result, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db
BATCHES, PHOTOS = 6, 4
NOISY, BURNT, SIMILAR = (1, 2, 9, 21), (9, 22), (4, 20)


@pytest.fixture
def session() -> ProcessingSession:
    """Give 24 photos in six batches; noisy and burnt ones are rejected, two are similar to others."""
    session = make_session(total=24, found_count=24)
    worker = make_worker()
    for _ in range(BATCHES):
        batch = make_batch(session=session, photos_count=PHOTOS, worker=worker)
        batch.commit([_row(batch, photo.position) for photo in batch.missing()], no_seal)
    ImageResult.objects.filter(position__in=SIMILAR).update(relation="similar", decision="rejected")
    session.refresh_from_db()
    return session


def _row(batch: object, position: int) -> ImageResult:
    codes = [code for code, where in (("noise", NOISY), ("overexposed", BURNT)) if position in where]
    reasons = [{"code": code, "measured": 2.0, "limit": 1.0} for code in codes]
    verdict = "rejected" if codes else "approved"
    return make_result(batch=batch, position=position, verdict=verdict, reasons=reasons)  # type: ignore[arg-type]  # a text


def walk(session: ProcessingSession, wanted: Filter, limit: int, *, back: bool = False) -> list[int]:
    """Go from page to page to the end."""
    found, start = [], session.found_count if back else -1
    for _ in range(100):
        page = look(session, wanted, start, limit, back=back)
        found += [row.position for row in page.rows]
        if page.further is None:
            return found
        start = page.further
    raise AssertionError("The looks do not end.")


FILTERS = pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), list(range(24))),
        (Filter("rejected"), [1, 2, 4, 9, 20, 21, 22]),
        (Filter("", "noise"), [1, 2, 9, 21]),
        (Filter("rejected", "overexposed"), [9, 22]),
        (Filter("approved", "noise"), []),
        (Filter("", "similar"), [4, 20]),
        (Filter("rejected", "duplicate"), []),
        (Filter("unreadable"), []),
    ],
)


@FILTERS
@pytest.mark.parametrize("limit", [1, 3, 60])
def test_pages_hold_every_match_once_in_both_directions(
    session: ProcessingSession, wanted: Filter, expected: list[int], limit: int
) -> None:
    forwards, backwards = walk(session, wanted, limit), walk(session, wanted, limit, back=True)

    assert (forwards, backwards) == (expected, expected[::-1])


@FILTERS
def test_pages_hold_every_match_once_when_a_look_ends_early(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch, wanted: Filter, expected: list[int]
) -> None:
    monkeypatch.setattr(looking, "BATCHES_MAX", 2)
    monkeypatch.setattr(looking, "PHOTOS_MAX", 3)
    monkeypatch.setattr(looking, "POSITIONS_MAX", 5)

    assert walk(session, wanted, 3) == expected
    assert walk(session, wanted, 3, back=True) == expected[::-1]


def test_filter_by_verdict_follows_a_persons_verdict(session: ProcessingSession) -> None:
    override(session, [1], "approved", by="ada")

    assert walk(session, Filter("rejected"), 60) == [2, 4, 9, 20, 21, 22]
    assert walk(session, Filter("approved", "noise"), 60) == [1]
    assert walk(session, Filter("", "noise"), 60) == [1, 2, 9, 21]


@pytest.mark.parametrize(
    ("wanted", "queries"),
    [(Filter("rejected"), 1), (Filter("", "noise"), 4), (Filter("", "similar"), 1)],
)
def test_look_asks_as_often_at_the_start_as_in_the_middle(
    session: ProcessingSession, wanted: Filter, queries: int
) -> None:
    counts = []
    for start in (-1, 5, 8):
        with CaptureQueriesContext(connection) as captured:
            look(session, wanted, start, 2)
        counts.append(len(captured))

    assert counts == [queries] * 3
