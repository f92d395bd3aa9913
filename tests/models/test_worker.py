"""Who lives, who serves whom, and that an end is for ever."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from processing.models import Worker
from tests.factories import make_session, make_worker

pytestmark = pytest.mark.django_db


def test_workers_are_found_by_what_they_are() -> None:
    parent = make_worker()
    laborer = make_worker(parent=parent)
    ended = make_worker(ended_at=Now())
    workers = Worker.objects.order_by("pk")

    found = [list(workers.living()), list(workers.parents()), list(workers.laborers())]

    assert found == [[parent, laborer], [parent, ended], [laborer]]


def test_serving_finds_who_may_work_for_a_session() -> None:
    session, other = make_session(), make_session()
    shared, own, foreign = make_worker(), make_worker(serves=session), make_worker(serves=other)
    shared_laborer, own_laborer = make_worker(parent=shared), make_worker(parent=own)
    make_worker(parent=foreign)

    serving = list(Worker.objects.serving(session.pk).order_by("pk"))

    assert serving == [shared, own, shared_laborer, own_laborer]


def test_keep_alive_beats_and_keeps_the_telemetry() -> None:
    worker = make_worker(heartbeat_at="2026-01-01T00:00:00Z")
    before = worker.heartbeat_at

    lives = worker.keep_alive({"rate_per_s": 2.5})

    worker.refresh_from_db()
    assert (lives, worker.beat, worker.telemetry) == (True, 1, {"rate_per_s": 2.5})
    assert worker.heartbeat_at > before


def test_buried_worker_can_neither_beat_nor_enter_a_lane_nor_end() -> None:
    worker = make_worker(ended_at="2026-01-01T00:00:00Z")
    before = Worker.objects.values().get()

    answers = worker.keep_alive({"a": 1}), worker.enter_lane(make_session()), worker.end()

    assert answers == (False, False, False)
    assert Worker.objects.values().get() == before


def test_end_marks_the_clean_end_and_leaves_the_lane() -> None:
    session = make_session()
    worker = make_worker(parent=make_worker())
    entered = worker.enter_lane(session)
    lane = Worker.objects.get(pk=worker.pk).lane_session

    ended = worker.end()

    worker.refresh_from_db()
    assert (entered, lane, ended) == (True, session, True)
    assert (worker.lane_session, worker.ended_at is not None) == (None, True)


def test_silent_finds_those_without_a_beat_by_the_databases_clock() -> None:
    make_worker()
    old = make_worker()
    sql = (
        "now() - interval '20 seconds'"
        if connection.vendor == "postgresql"
        else "strftime('%Y-%m-%d %H:%M:%f', 'now', '-20 seconds')"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE processing_worker SET heartbeat_at = {sql} WHERE id = {old.pk}")  # noqa: S608 -- own SQL

    found = [list(Worker.objects.silent(timeout_s)) for timeout_s in (10, 40)]

    assert found == [[old], []]


def test_worker_token_is_refused_when_another_has_it() -> None:
    worker = make_worker()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_worker(token=worker.token)

    assert Worker.objects.count() == 1
