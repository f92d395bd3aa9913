"""Mending what can be worked out again from rows that hold, in one transaction with its entry in the audit log."""

from collections import Counter
from collections.abc import Collection, Iterator

from processing.models import Batch, ProcessingSession
from processing.overriding import redecide
from processing.states import Hold, Stage
from processing.superseding import clear_comparison, recount
from recovery import audit
from recovery.batch_checks import REPAIRED, chosen, problems_of
from recovery.checkpoint_checks import check_voids, wrong_voids
from recovery.decisions import decision_problems, events_of, wrongly_decided
from recovery.findings import Code, Finding
from recovery.models import Checkpoint
from recovery.session_checks import check_session, orphaned

# What only says how a row is listed; the batch itself stays as it is.
NOT_OF_THE_BATCH = frozenset((Code.DECISION.value,))


def repair(
    session: ProcessingSession, batch_ids: Collection[int], *, actor: str, address: str | None = None
) -> int:
    """Mend a session and some of its batches; give the number of problems that are left.

    Everything is looked at again under the lock first. Raises ActRefused when anything is unsafe by then: counting
    anew would sign what nobody wrote. test: test_repair_signs_nothing_when_a_result_was_changed_meanwhile.
    """
    with audit.audited(audit.Action.REPAIR, actor=actor, session=session.pk, address=address) as details:
        locked = ProcessingSession.objects.lock(session.pk)
        before = dict(_problems(locked, batch_ids))
        _refuse_unsafe(before)
        _mend(locked, before)
        left = [finding for found in dict(_problems(locked, batch_ids)).values() for finding in found]
        details["found"] = _codes(before)
        details["left"] = len(left)
    return len(left)


def check_locked(session: ProcessingSession, batch_id: int) -> list[Finding]:
    """Check one batch as it is stored now, decisions too; the caller has locked the session's row."""
    batch = Batch.objects.select_for_update(no_key=True).get(pk=batch_id, session=session)
    rows = list(batch.results.order_by("pk"))
    return [*problems_of(batch, rows), *decision_problems(rows, events_of([batch]))]


Problems = dict[int | None, list[Finding]]


def _problems(
    session: ProcessingSession, batch_ids: Collection[int]
) -> Iterator[tuple[int | None, list[Finding]]]:
    """Give the findings of some batches by their keys, and those of the session under None."""
    for batch_id in sorted(batch_ids):
        yield batch_id, check_locked(session, batch_id)
    session.refresh_from_db()
    yield None, session_problems(session)


def session_problems(session: ProcessingSession) -> list[Finding]:
    """Check what a repair can mend of a session beside its batches."""
    return [*check_session(session), *check_voids(session)]


def _refuse_unsafe(problems: Problems) -> None:
    unsafe = [finding.text for found in problems.values() for finding in found if finding.is_unsafe]
    if unsafe:
        raise audit.ActRefused(f"Nothing was repaired, since it is not safe: {unsafe[0]}")


def _codes(problems: Problems) -> dict[str, int]:
    return dict(Counter(finding.code for found in problems.values() for finding in found))


def _mend(session: ProcessingSession, problems: Problems) -> None:
    for batch in orphaned(session):
        batch.take_away()
    damaged = [batch_id for batch_id, found in problems.items() if batch_id is not None and found]
    for batch in Batch.objects.filter(pk__in=damaged).order_by("pk"):
        _mend_rows(session, batch)
    has_gap = any(finding.code == Code.GAP for found in problems.values() for finding in found)
    if has_gap and session.stage in (Stage.COMPARING, Stage.COMPLETED):
        _compare_again(session)
    of_batches = [pk for pk in damaged if any(one.code not in NOT_OF_THE_BATCH for one in problems[pk])]
    recount(session, of_batches)
    for wrong in list(wrong_voids(session)):
        Checkpoint.objects.filter(pk=wrong.checkpoint).update(voided_by=wrong.due)


def _mend_rows(session: ProcessingSession, batch: Batch) -> None:
    """Put second results aside under a number that no recovery has, and decide the others as they should be."""
    live = list(batch.results.live().order_by("pk"))
    kept = chosen(batch, live) or live
    extra = {row.pk for row in live} - {row.pk for row in kept}
    batch.results.filter(pk__in=extra).update(superseded_by=REPAIRED)
    redecide(session, [row.position for row, _due in wrongly_decided(kept, events_of([batch]))])


def _compare_again(session: ProcessingSession) -> None:
    """Take a session that has no verdict on some photo back to analyzing; what compare found is found anew."""
    clear_comparison(session)
    if session.hold != Hold.CANCELLED:
        session.rewind()
