"""The sweep: offers the lanes that are missing. Only it enqueues, so a lost message is made again."""

from collections.abc import Callable

from django.db.models import Count, Q

from processing import queue
from processing.models import Batch, ProcessingSession, Worker
from processing.models.session_set import SessionQuerySet

Announce = Callable[[ProcessingSession], None]


def sweep(parent: Worker, queue_name: str, announce: Announce = lambda _session: None) -> None:
    """Move stages that are due and offer missing lanes, for every session that this parent offers.

    Once a session is listed, `announce` learns of it before its first photo can be claimed through this parent.
    test: test_photos_of_an_attended_session_are_claimed_only_after_they_were_announced.
    """
    for session in offered_by(parent).order_by("created_at", "pk"):
        if session.is_listed():
            # Read before, the counts may be older than the scan's end.
            # test: test_announcement_holds_the_last_counts_when_the_scan_ends_while_the_sweep_looks.
            session.refresh_from_db()
            announce(session)
            session.advance()
        offer_lanes(parent, queue_name, session)


def offered_by(parent: Worker) -> SessionQuerySet:
    """Give the sessions that a parent offers: its own, else all that have no living parent of their own."""
    workable = ProcessingSession.objects.workable()
    if parent.serves_id:
        return workable.filter(pk=parent.serves_id)
    own = Worker.objects.living().parents().exclude(serves=None).values("serves")
    return workable.exclude(pk__in=own)


def offer_lanes(parent: Worker, queue_name: str, session: ProcessingSession) -> None:
    """Offer one session's missing lanes: those wanted, minus the calls not taken yet, minus workers in a lane."""
    if not Batch.objects.takeable(session).exists():
        return
    laborers = Worker.objects.living().laborers().filter(parent__serves=parent.serves_id)
    seen = laborers.aggregate(all=Count("pk"), in_lane=Count("pk", filter=Q(lane_session=session)))
    wanted = min(session.lanes, max(seen["all"], 1))
    missing = wanted - seen["in_lane"] - queue.unstarted_lanes(queue_name, session.pk)
    for lane in range(missing):
        queue.offer_lane(queue_name, session.pk, lane)
