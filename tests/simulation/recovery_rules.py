"""What recoveries, undos and persons' verdicts may do, held against what is stored after each of their steps."""

from typing import TYPE_CHECKING

from tests.simulation.reading import AttemptRow, ResultRow, SessionRow, Stored, as_json
from tests.simulation.world import Thread

if TYPE_CHECKING:
    from tests.simulation.checker import Checker


def recoveries_put_aside_what_they_say(
    checker: "Checker", before: Stored, after: Stored, thread: Thread
) -> str:
    """Guarantees 5 and 7: each option puts aside its own rows and those whose files are not the same, no others."""
    for attempt in _new_attempts(before, after):
        live = before.live_of(attempt.session)
        checker.live_before[attempt.session, attempt.number] = {row.pk for row in live}
        aside = {row.pk for row in live if after.results[row.pk].superseded_by == attempt.number}
        chosen = {row.pk for row in live if _is_chosen(checker, row, attempt, before)}
        stale = {row.pk for row in live if checker.is_stale(row)}
        stale_for_long = {row.pk for row in live if checker.is_stale(row, since=thread.process.started)}
        if not chosen | stale_for_long <= aside <= chosen | stale:
            return f"{attempt.option} put {aside} aside, expected {chosen} and of the changed {stale}"
        if {row.pk for row in after.live_of(attempt.session)} != checker.live_before[
            attempt.session, attempt.number
        ] - aside:
            return f"{attempt.option} brought rows back"
    return ""


def undos_bring_back_what_was(checker: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 7: after an undo the live rows are those of before the recovery, and the session is paused."""
    if before.attempts is after.attempts:
        return ""
    undone: dict[str, int] = {}
    for pk, attempt in after.attempts.items():
        if attempt.undone_at is not None and before.attempts[pk].undone_at is None:
            undone[attempt.session] = min(attempt.number, undone.get(attempt.session, attempt.number))
    for session, number in undone.items():
        live, expected = {row.pk for row in after.live_of(session)}, checker.live_before[session, number]
        if live != expected:
            return f"undoing {number} left {live - expected} and lacks {expected - live}"
        if after.sessions[session].hold != "paused":
            return f"undoing {number} left the session {after.sessions[session].hold!r}"
        standing = [a for a in after.attempts.values() if a.session == session and a.undone_at is None]
        if any(attempt.number > number for attempt in standing):
            return f"an attempt that stood on {number} is still in force"
    return ""


def previews_are_effects(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 6: what was shown is what came, where no commit and no changed photo came between."""
    shown = thread.process.shown
    for attempt in _new_attempts(before, after):
        came, written = _effect(attempt, before, after), as_json(attempt.preview)
        if written != came:
            return f"{attempt.option}: {came} came of it, {written} is written"
        live, session = before.live_of(attempt.session), before.sessions[attempt.session]
        changes_count = checker.simulation.albums[attempt.session].changes_count
        state = ({row.pk for row in live}, changes_count, session.found_count)
        if shown is None or (shown.live, shown.changes_count, shown.found_count) != state:
            continue
        if came != {name: getattr(shown.option, name) for name in came}:
            return f"{attempt.option}: {came} came of it, shown was {shown.option}"
    return ""


def checkpoints_say_what_is_stored(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 2: a new checkpoint covers a row that is there, and counts what it seals, or its batch and the finished."""
    fresh = [row for pk, row in after.checkpoints.items() if pk not in before.checkpoints]
    if len({b.pk for b in after.batches.values() if before.batches.get(b.pk) != b}) > 1:
        fresh = [row for row in fresh if row.batch is None]
    for checkpoint in fresh:
        if checkpoint.last_result is not None and checkpoint.last_result not in after.results:
            return f"{checkpoint} covers a row that is not there"
        live = after.live_of(checkpoint.session)
        if checkpoint.batch is not None:
            live = [r for r in live if r.batch == checkpoint.batch or after.batches[r.batch].status == "done"]
        if checkpoint.processed_count != len(live):
            return f"{checkpoint} counts {checkpoint.processed_count} of {len(live)}"
    return ""


def usable_checkpoints_cover_live_rows(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Design §6: a checkpoint that is not void covers no row that was put aside since."""
    if before.checkpoints is after.checkpoints and before.results is after.results:
        return ""
    for row in after.results.values():
        if row.superseded_by is None:
            continue
        for checkpoint in after.checkpoints.values():
            covers = checkpoint.session == row.session and (checkpoint.last_result or 0) >= row.pk
            if covers and checkpoint.voided_by is None and row.superseded_by > checkpoint.attempt:
                return f"{checkpoint} covers the row of position {row.position}, put aside by {row.superseded_by}"
    return ""


def overrides_stay(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 7: what people said is never changed nor deleted."""
    if before.overrides is after.overrides:
        return ""
    changed = [pk for pk, row in before.overrides.items() if after.overrides.get(pk) != row]
    return f"events {changed} are gone or changed" if changed else ""


def acts_are_recorded(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 13: whatever a person's step changed is in the audit log by the same step."""
    if not (thread.decides or thread.process.is_stopping):
        return ""
    old = before.sessions
    changed = {pk for pk, row in after.sessions.items() if pk in old and _is_stepped(old[pk], row)}
    changed |= {a.session for pk, a in after.attempts.items() if before.attempts.get(pk) != a}
    changed |= {o.session for pk, o in after.overrides.items() if pk not in before.overrides}
    recorded = {entry.session for number, entry in after.audit.items() if number not in before.audit}
    missing = changed - recorded
    return f"a step on {missing} is not in the audit log" if missing else ""


RECOVERY_RULES = (
    recoveries_put_aside_what_they_say,
    undos_bring_back_what_was,
    previews_are_effects,
    checkpoints_say_what_is_stored,
    usable_checkpoints_cover_live_rows,
    overrides_stay,
    acts_are_recorded,
)


def _new_attempts(before: Stored, after: Stored) -> list[AttemptRow]:
    if before.attempts is after.attempts:
        return []
    return [attempt for pk, attempt in after.attempts.items() if pk not in before.attempts]


def _effect(attempt: AttemptRow, before: Stored, after: Stored) -> dict[str, int]:
    """Say what a recovery has done, in the numbers of its preview."""
    session, live = after.sessions[attempt.session], after.live_of(attempt.session)
    total = session.found_count if session.total is None else session.total
    missing = set(range(session.found_count)) - {row.position for row in live}
    return {
        "start_index": min(missing, default=session.found_count),
        "keep": len(live),
        "redo": len(before.live_of(attempt.session)) - len(live),
        "left": total - len(live),
    }


def _is_stepped(old: SessionRow, new: SessionRow) -> bool:
    """Whether a person's step moved a session; burying may fail it on the way, and that is no act."""
    return old.attempt != new.attempt or (old.hold != new.hold and new.hold != "failed")


def _is_chosen(checker: "Checker", row: ResultRow, attempt: AttemptRow, before: Stored) -> bool:
    """Whether an option puts a live row aside, its file apart."""
    if attempt.checkpoint is not None:
        return row.pk > checker.last_results[attempt.checkpoint]
    if attempt.option == "fresh_start":
        return True
    return attempt.option == "restart_batch" and before.batches[row.batch].status != "done"
