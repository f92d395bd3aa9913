"""Messages: what is in one, who takes it, and that nothing is remembered."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection
from django_q.models import OrmQ, Schedule, Task

from processing import queue
from processing.queue import SHARED_QUEUE, STOP, Inbox, LaneBroker, Outbox, offer_lane, unstarted_lanes

DEADLINE_S = 20.0


def offered(number: int) -> list[UUID]:
    """Offer lanes of some sessions; give their ids in order."""
    sessions = [uuid4() for _ in range(number)]
    for session in sessions:
        offer_lane(SHARED_QUEUE, session, 3)
    return sessions


def never() -> bool:
    """Go on waiting for a message."""
    return False


@pytest.mark.django_db
def test_message_is_the_sessions_id_and_the_lanes_number_and_nothing_else() -> None:
    (session,) = offered(1)

    message = Inbox(SHARED_QUEUE, never).get()

    assert (message["func"], message["args"], message["kwargs"]) == (queue.LANE_TASK, (str(session), 3), {})


@pytest.mark.django_db
def test_messages_are_taken_oldest_first_and_deleted_by_taking() -> None:
    sessions = offered(12)
    # An update moves a row to the end of PostgreSQL's table: without an order it would come last.
    OrmQ.objects.filter(pk=OrmQ.objects.order_by("pk")[0].pk).update(lock=None)
    inbox = Inbox(SHARED_QUEUE, never)

    taken = [inbox.get()["args"][0] for _ in sessions]

    assert taken == [str(session) for session in sessions]
    assert OrmQ.objects.count() == 0


@pytest.mark.django_db
def test_message_of_another_queue_is_not_taken() -> None:
    offered(1)

    taken = LaneBroker("private:other").dequeue()

    assert (taken, OrmQ.objects.count()) == ([], 1)


@pytest.mark.django_db(transaction=True)
def test_message_is_taken_once_when_two_reach_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(1)
    together = threading.Barrier(2, timeout=DEADLINE_S)
    delete = OrmQ.objects.none().__class__.delete

    def delete_together(rows: object) -> object:
        together.wait()
        return delete(rows)

    monkeypatch.setattr("django.db.models.query.QuerySet.delete", delete_together)

    def take(_number: int) -> int:
        try:
            return len(LaneBroker(SHARED_QUEUE).dequeue())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as takers:
        taken = sorted(takers.map(take, range(2)))

    assert taken == [0, 1]


@pytest.mark.django_db
def test_message_with_a_bad_signature_is_dropped_and_the_next_one_taken() -> None:
    OrmQ.objects.create(key=SHARED_QUEUE, payload="not signed by us")
    (session,) = offered(1)
    counted = unstarted_lanes(SHARED_QUEUE, session)

    message = Inbox(SHARED_QUEUE, never).get()

    assert (counted, message["args"][0], OrmQ.objects.count()) == (1, str(session), 0)


@pytest.mark.django_db
def test_inbox_says_stop_and_takes_nothing_when_a_stop_is_wanted() -> None:
    offered(1)

    message = Inbox(SHARED_QUEUE, lambda: True).get()

    assert (message, OrmQ.objects.count()) == (STOP, 1)


@pytest.mark.django_db
def test_inbox_waits_for_the_database_and_then_takes_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    (session,) = offered(1)
    dequeue, calls = LaneBroker.dequeue, []

    def fail_first(broker: LaneBroker) -> list[tuple[int, str]]:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the database is gone")
        return dequeue(broker)

    monkeypatch.setattr(LaneBroker, "dequeue", fail_first)
    monkeypatch.setattr(queue, "close_old_connections", lambda: None)

    message = Inbox(SHARED_QUEUE, never).get()

    assert (message["args"][0], len(calls)) == (str(session), 2)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_remembered_when_messages_were_worked_off() -> None:
    offered(2)
    messages = iter(range(2))

    queue.work_off(SHARED_QUEUE, lambda: next(messages, None) is None)

    assert (OrmQ.objects.count(), Task.objects.count(), Schedule.objects.count()) == (0, 0, 0)


def test_outbox_says_when_a_call_ended_in_an_error(caplog: pytest.LogCaptureFixture) -> None:
    box = Outbox()

    box.put({"success": True, "result": None})
    box.put({"success": False, "result": "boom"})

    assert [record.getMessage() for record in caplog.records] == ["lane ended in an error"]
