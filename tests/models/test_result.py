"""Results: one live row per photo, others are evidence."""

import re

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from processing.models import ImageResult
from processing.models.result import SIGNED
from processing.states import Verdict
from tests.bulk import analyze, explainer, multiply
from tests.factories import make_batch, make_result, make_results, make_session, make_worker, no_seal

pytestmark = pytest.mark.django_db


def stored_result(**columns: object) -> ImageResult:
    """Store a result of a photo."""
    batch = make_batch(session=make_session(), worker=make_worker())
    return ImageResult.objects.bulk_create([make_result(batch=batch, position=0, **columns)])[0]


def test_second_live_result_of_a_photo_is_refused() -> None:
    result = stored_result()

    # SQLite names the columns of a unique index, PostgreSQL its name.
    named = r"one_live_result_per_photo|imageresult\.session_id, processing_imageresult\.position"
    with pytest.raises(IntegrityError, match=named), transaction.atomic():
        make_result(batch=result.batch, position=0).save()

    assert ImageResult.objects.count() == 1


def test_superseded_results_of_a_photo_lie_beside_the_live_one() -> None:
    first = stored_result(superseded_by=1)
    second = make_result(batch=first.batch, position=0, superseded_by=1)
    live = make_result(batch=first.batch, position=0)

    ImageResult.objects.bulk_create([second, live])

    assert list(ImageResult.objects.live()) == [live]
    assert ImageResult.objects.count() == 3


def test_superseded_result_cannot_come_back_beside_a_live_one() -> None:
    first = stored_result(superseded_by=1)
    make_result(batch=first.batch, position=0).save()

    with pytest.raises(IntegrityError), transaction.atomic():
        ImageResult.objects.filter(pk=first.pk).update(superseded_by=None)

    assert ImageResult.objects.live().count() == 1


def test_same_position_in_two_sessions_is_two_photos() -> None:
    stored_result()

    stored_result()

    assert ImageResult.objects.live().count() == 2


def test_in_order_is_the_order_of_positions() -> None:
    batch = make_batch(session=make_session())
    ImageResult.objects.bulk_create([make_result(batch=batch, position=position) for position in (2, 0, 1)])

    assert [result.position for result in ImageResult.objects.in_order()] == [0, 1, 2]


def test_path_keeps_bytes_that_are_no_text() -> None:
    result = stored_result(path=b"\xff\xfe/a.jpg", path_text="\\xff\\xfe/a.jpg")

    result.refresh_from_db()

    assert bytes(result.path) == b"\xff\xfe/a.jpg"


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("verdict_is_known", {"verdict": "lovely"}),
        ("decision_is_known", {"decision": ""}),
        ("relation_is_known", {"relation": "cousin"}),
    ],
)
def test_result_constraint_refuses_what_its_sentence_forbids(name: str, columns: dict[str, object]) -> None:
    result = stored_result(verdict=Verdict.REJECTED)

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ImageResult.objects.filter(pk=result.pk).update(**columns)


@pytest.mark.vendor("postgresql")
def test_newest_row_is_found_without_passing_the_rows_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.models.result.RECENT_ROWS", 100)
    old, new = (make_batch(session=make_session(), worker=make_worker()) for _ in range(2))
    multiply(make_result(batch=old, position=0), count=1_000, position="n")
    multiply(make_result(batch=new, position=0), count=40_000, position="n")
    analyze()
    plans: list[str] = []

    with connection.execute_wrapper(explainer(plans, "EXPLAIN ANALYZE ")):
        found = [
            ImageResult.objects.live().filter(session=batch.session).find_newest() for batch in (old, new)
        ]

    newest = ImageResult.objects.values("session").annotate(pk=Max("pk")).order_by("pk")
    assert [key for key, _ in found] == list(newest.values_list("pk", flat=True))
    assert max(map(int, re.findall(r"Rows Removed by Filter: (\d+)", "\n".join(plans))), default=0) <= 100


def test_newest_row_is_none_when_there_is_none() -> None:
    session = make_session()

    assert ImageResult.objects.filter(session=session).find_newest() is None


@pytest.mark.parametrize("column", SIGNED)
def test_result_is_authentic_until_a_column_is_changed(column: str) -> None:
    batch = make_batch(session=make_session(total=4), worker=make_worker())
    batch.commit(make_results(batch=batch, photos_count=1, reason="noise"), no_seal)
    stored = ImageResult.objects.get(batch=batch)
    before = stored.is_authentic()
    value = getattr(stored, column)

    setattr(stored, column, changed(value))

    assert (before, stored.is_authentic()) == (True, False)


def changed(value: object) -> object:
    """Give another value of the same kind."""
    if isinstance(value, list | dict):
        return [*value, "more"]
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, bytes | memoryview):
        return bytes(value) + b"x"
    return 1 if value is None else value + 1
