"""A database with one large interrupted session, and all that the pages show beside it; needs Django set up.

The keyed hashes of the results that are given another verdict here no longer fit, which no page looks at.
"""

from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F

from bench.ledger import BATCH_PHOTOS, TIDY
from bench.signed import fill_signed
from bench.unlooked import look_away
from processing.models import Batch, ImageResult, ProcessingSession
from processing.overriding import Saying
from processing.states import BatchStatus, Verdict
from recovery import audit, detection, overrides
from recovery.checkpoint_acts import take
from recovery.kinds import CheckpointType
from recovery.resume import execute_recovery
from tests.databases import point_django_at
from tests.factories import make_session, make_worker
from tests.recovery.sound import commit

LEFT_COUNT = 500
REJECTED_OF = 10
RARE_REASON, RARE_COUNT = "banding", 5
OTHERS_COUNT = 40
ENTRIES_COUNT = 200
CHECKPOINTS_COUNT = 60
CRASHES_COUNT = 3


@dataclass(frozen=True, slots=True)
class Furnished:
    """What is asked for: whose session it is, who may see all, and how many results it has."""

    owner: User
    administrator: User
    session: ProcessingSession
    rows_count: int


def furnish(url: str, rows_count: int) -> Furnished:
    """Make all tables and fill them; everything but the results is as much at every size."""
    point_django_at(url)
    call_command("migrate", verbosity=0)
    owner = User.objects.create_user("owner")
    owner.groups.add(Group.objects.get(name="Operator"))
    administrator = User.objects.create_superuser("administrator")
    session = fill_signed(url, rows_count, left_count=LEFT_COUNT, name="Large", owner_id=owner.pk)
    look_away()
    _reject_some(session)
    _say_rare_reason(session)
    _crash_and_recover(session)
    for number in range(CHECKPOINTS_COUNT):
        take(session, CheckpointType.MANUAL, note=f"Number {number}", actor="owner")
    overrides.say_to_some(session, list(range(0, 2 * BATCH_PHOTOS, 5)), Saying("rejected", "owner", "soft"))
    for number in range(OTHERS_COUNT):
        make_session(name=f"Small {number}", owner_id=owner.pk)
    for _ in range(ENTRIES_COUNT):
        with transaction.atomic():
            audit.record(audit.Action.EXPORT, actor="owner", session=session.pk)
    with connection.cursor() as cursor:
        for statement in TIDY[connection.vendor]:
            cursor.execute(statement)
    session.refresh_from_db()
    return Furnished(owner, administrator, session, rows_count)


def _reject_some(session: ProcessingSession) -> None:
    """Let every tenth photo be rejected, with counters that say so."""
    rows = ImageResult.objects.filter(session=session).alias(rest=F("position") % REJECTED_OF)
    rows.filter(rest=REJECTED_OF - 1).update(verdict=Verdict.REJECTED, decision=Verdict.REJECTED)
    done = Batch.objects.filter(session=session, status=BatchStatus.DONE)
    rejected = BATCH_PHOTOS // REJECTED_OF
    done.update(approved=F("approved") - rejected, rejected=F("rejected") + rejected)
    of_session = done.count() * rejected
    ProcessingSession.objects.filter(pk=session.pk).update(
        approved=F("approved") - of_session, rejected=F("rejected") + of_session
    )


def _say_rare_reason(session: ProcessingSession) -> None:
    """Let only the last photos have a reason of their own, so that looking for it from the first one is longest."""
    last = Batch.objects.filter(session=session, status=BatchStatus.DONE).order_by("-number")[0]
    first = last.first_position + last.photos_count - RARE_COUNT
    code = {"code": RARE_REASON, "measured": None, "limit": None}
    ImageResult.objects.filter(session=session, position__gte=first).update(reasons=[code])
    usual = BATCH_PHOTOS - RARE_COUNT
    Batch.objects.filter(pk=last.pk).update(reason_counts={"noise": usual, RARE_REASON: RARE_COUNT})
    counts = {"noise": session.reason_counts["noise"] - RARE_COUNT, RARE_REASON: RARE_COUNT}
    ProcessingSession.objects.filter(pk=session.pk).update(reason_counts=counts)


def _crash_and_recover(session: ProcessingSession) -> None:
    """Let parents die at the session, each in the middle of a batch; it is recovered from all but the last one."""
    for number in range(CRASHES_COUNT):
        if number:
            execute_recovery(session, "continue", by="owner")
        parent = make_worker(serves=session)
        batch = Batch.objects.claim(session.pk, parent)
        if batch is None:
            raise RuntimeError("There was nothing to claim.")
        commit(batch, BATCH_PHOTOS // 2)
        detection.bury(parent)
        session.refresh_from_db()
