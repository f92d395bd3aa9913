"""Who serves which session, who is taken for dead, and what goes on by itself, held against what is stored."""

from typing import TYPE_CHECKING

from processing.queue import private_queue
from tests.simulation.reading import AttemptRow, Stored, WorkerRow
from tests.simulation.stage import BACKOFF_S
from tests.simulation.world import Process, Thread

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

# Within which every process that is awake has taken its next steps and beaten.
AWAKE_S = 15.0
# What AUTO_RECOVER is promised to do: `safe` needs a confidence that two recoveries in vain do not leave.
IN_VAIN_MAX = {"safe": 1, "always": 2}


def claims_respect_hold_and_latch(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Design §3: nothing is claimed of a session that is held, interrupted or over, nor by who may not take it."""
    for batch in after.batches.values():
        old = before.batches.get(batch.pk)
        if batch.status != "leased" or (old is not None and old.status == "leased"):
            continue
        if not before.sessions[batch.session].is_workable:
            return f"batch {batch.number} was claimed of {before.sessions[batch.session]}"
        holder = before.workers[batch.worker]
        if holder.ended_at is not None:
            return f"batch {batch.number} was claimed by one that had ended"
        if before.workers[holder.parent].serves not in (None, batch.session):
            return f"batch {batch.number} was claimed by one that serves another session alone"
    return ""


def interruptions_are_latched(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Design §3: when the last parent of a begun session is buried, it is interrupted until a person decides."""
    ended = [w for pk, w in after.workers.items() if w.ended_at is not None and _lived(before, pk)]
    buried = [w for w in ended if w.parent is None and w.pid != thread.process.pid]
    for session in after.sessions.values():
        lost = [w for w in buried if w.serves in (None, session.pk)]
        served = any(
            w.parent is None and w.ended_at is None and w.serves in (None, session.pk)
            for w in after.workers.values()
        )
        if lost and not served and session.is_workable and session.started_at is not None:
            return f"nobody serves session {session.pk[:4]} any more, and it is not interrupted"
    for session in before.sessions.values():
        opened = session.crashed_at is not None and after.sessions[session.pk].crashed_at is None
        if opened and not thread.decides:
            return f"{thread} cleared the latch"
    return ""


def latches_come_with_their_crash(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Design §3: the latch and the Crash that says so are written by one step, and none says so without a latch."""
    fresh = [crash for pk, crash in after.crashes.items() if pk not in before.crashes and crash.interrupts]
    latched = {
        pk
        for pk, old in before.sessions.items()
        if old.crashed_at is None and after.sessions[pk].crashed_at is not None
    }
    told = {crash.session for crash in fresh}
    return "" if told == latched else f"interrupted are {latched}, the crashes tell of {told}"


def own_parents_offer_alone(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Design §2: a session with a living parent of its own is offered by that one alone, through its own queue."""
    if thread.process.name.startswith("chaos") or not _is_awake(thread.process, checker):
        return ""
    for pk, message in after.messages.items():
        if pk in before.messages:
            continue
        own = [w for w in before.workers.values() if w.serves == message.session and w.ended_at is None]
        settled = [w for w in own if checker.world.now - checker.registered_at[w.pk] > AWAKE_S]
        if settled and message.key not in {private_queue(w.token) for w in own}:
            return f"{thread} offered session {message.session[:4]}, which has a parent of its own"
    return ""


def the_living_are_not_buried(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 15: who is awake, and so are its parent and who looks, is not taken for dead, whatever clocks say."""
    if thread.process.name.startswith("chaos") or before.workers is after.workers:
        return ""
    for pk, old in before.workers.items():
        if old.ended_at is not None or after.workers[pk].ended_at is None or old.pid == thread.process.pid:
            continue
        process = _process_of(checker, old)
        parent = before.workers.get(old.parent) if old.parent is not None else old
        above = None if parent is None else _process_of(checker, parent)
        if all(one is not None and _is_awake(one, checker) for one in (process, above, thread.process)):
            return f"{process.name} lives and was buried by {thread}"
    return ""


def automatic_recovery_is_patient(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Design §6: AUTO_RECOVER continues interrupted sessions alone, waits longer each time, and knows an end."""
    for pk, attempt in after.attempts.items():
        if pk in before.attempts or attempt.by != "automatic":
            continue
        session, policy = before.sessions[attempt.session], checker.simulation.policy
        if session.hold or session.crashed_at is None or thread.decides != "automatic":
            return f"{session} was recovered by itself, and was not interrupted"
        if attempt.option != "continue" or attempt.checkpoint is not None:
            return f"{attempt.option} was chosen by nobody"
        wrong = _impatience(checker, before, attempt, policy) or _changed_before(
            checker, before, after, thread
        )
        if wrong:
            return wrong
    return ""


PARENT_RULES = (
    claims_respect_hold_and_latch,
    interruptions_are_latched,
    latches_come_with_their_crash,
    own_parents_offer_alone,
    the_living_are_not_buried,
    automatic_recovery_is_patient,
)


def _impatience(checker: "Checker", before: Stored, attempt: AttemptRow, policy: str) -> str:
    """Say what is wrong with one more recovery after some that no verdict came of."""
    newest = max((row.pk for row in before.live_of(attempt.session)), default=None)
    all_of = [a for a in before.attempts.values() if a.session == attempt.session]
    in_vain = [a for a in all_of if a.undone_at is None and a.last_result == newest]
    if not in_vain:
        return ""
    if len(in_vain) > IN_VAIN_MAX[policy]:
        return f"recovered by itself after {len(in_vain)} recoveries in vain under {policy!r}"
    since_s = checker.world.now - max(checker.attempted_at[a.pk] for a in all_of)
    wait_s = BACKOFF_S * 2 ** (len(in_vain) - 1)
    return f"recovered by itself after {since_s} s, not {wait_s}" if since_s < wait_s else ""


def _changed_before(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Say which rows `safe` put aside though their files had changed before it looked."""
    if checker.simulation.policy != "safe":
        return ""
    aside = [row for row in after.results.values() if row.superseded_by is not None]
    fresh = [row for row in aside if before.results[row.pk].superseded_by is None]
    changed = [row.position for row in fresh if checker.is_stale(row, since=thread.decides_since)]
    return f"recovered by itself though photos {changed} had changed" if changed else ""


def _process_of(checker: "Checker", row: WorkerRow) -> Process | None:
    """Find the living process that beats for a row; None when none does."""
    for process in checker.world.living():
        if process.pid == row.pid and any(r.token == row.token and r.is_open for r in process.recorders):
            return process
    return None


def _is_awake(process: Process, checker: "Checker") -> bool:
    """Whether a process has had the time to take its steps since it last stood still."""
    return checker.world.now - max(process.frozen_until, process.started) > AWAKE_S


def _lived(before: Stored, pk: int) -> bool:
    return pk in before.workers and before.workers[pk].ended_at is None
