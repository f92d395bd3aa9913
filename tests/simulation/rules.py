"""What must always hold of the rows, whatever a step was for."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from processing import digests
from processing.models import ImageResult
from tests.simulation.photos import POISONS, expected_of
from tests.simulation.reading import COUNTERS, BatchRow, ResultRow, SessionRow, Stored, as_json
from tests.simulation.world import Thread

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

# What a session may fail of in a world where only processes die and answers are lost.
KNOWN_FAILURES = ("The scan stage cost", "The compare stage cost", "Workers died")

# What a worker says of a source that is gone, and only of one whose batch it holds.
SOURCE_GONE = "cannot be read"
OWNED_TABLES = (
    "processing_batch",
    "processing_imageresult",
    "processing_override",
    "recovery_checkpoint",
    "recovery_crash",
    "recovery_recoveryattempt",
)

Rule = Callable[["Checker", Stored, Stored, Thread], str]


def one_live_result_per_photo(_c: "Checker", _before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 1."""
    places = Counter(
        (row.session, row.position) for row in after.results.values() if row.superseded_by is None
    )
    doubled = [place for place, count in places.items() if count > 1]
    missing = [
        (batch.number, position)
        for batch in after.batches.values()
        if batch.kind == "photos" and batch.status == "done"
        for position in range(batch.first_position, batch.first_position + batch.photos_count)
        if (batch.session, position) not in places
    ]
    return f"doubled {doubled}" if doubled else f"missing of a finished batch {missing}" if missing else ""


def batches_equal_their_rows(checker: "Checker", _before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantees 2, 10 and 11: counters, reasons and digest of each batch are those of its live rows."""
    rows = _live_by_batch(after)
    for batch in after.batches.values():
        mine = rows.get(batch.pk, [])
        wrong = _counters_differ(batch, mine) or _reasons_differ(as_json(batch.reason_counts), mine)
        if wrong:
            return f"batch {batch.number}: {wrong}"
        if bytes(batch.digest) != checker.digest_of(batch, mine):
            return f"batch {batch.number}: its digest is not that of its {len(mine)} live rows"
    return ""


def sessions_equal_their_batches(_c: "Checker", _before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantees 10 and 11: a session's counters are those of its finished batches."""
    for session in after.sessions.values():
        done = [b for b in after.batches.values() if b.session == session.pk and _is_done(b)]
        for name in COUNTERS:
            stored, counted = getattr(session, name), sum(getattr(batch, name) for batch in done)
            if stored != counted:
                return f"{name} is {stored}, the finished batches have {counted}"
        total = digests.finished_sum((batch.pk, bytes(batch.digest)) for batch in done)
        if bytes(session.finished_sum) != total:
            return "the sum of the finished batches' digests differs"
        wrong = _session_reasons_differ(session, done, after.live_of(session.pk)) or _shift_differs(
            session, after
        )
        if wrong:
            return wrong
    return ""


def verdicts_are_those_of_the_photos(
    checker: "Checker", before: Stored, after: Stored, _thread: Thread
) -> str:
    """Guarantees 4 and 9: each row says what its content makes of the photo; only poison is set aside."""
    for row in _added(before, after):
        data = checker.simulation.contents.get(row.sha256)
        if row.verdict == "quarantined":
            if not checker.simulation.was_poison(row.session, row.position):
                return f"position {row.position} was set aside and is a good photo"
            continue
        if not row.sha256 and row.position in checker.simulation.albums[row.session].was_gone:
            data = b"torn"
        if data is None or data.split()[0].decode() in POISONS:
            return f"position {row.position} has a verdict on a content that nobody gave it"
        expected = expected_of(data)
        if (row.verdict, row.reason_codes) != (expected.verdict, expected.reasons):
            return f"position {row.position} is {row.verdict} {row.reason_codes}, expected {expected}"
        if not ImageResult.objects.get(pk=row.pk).is_authentic():
            return f"position {row.position} was stored with a wrong mac"
    return ""


def rows_are_written_by_their_holder(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 3: only who holds the lease writes rows; a burier sets a poison aside under the dead one's lease."""
    for row in _added(before, after):
        batch = before.batches.get(row.batch)
        if batch is None or batch.status != "leased" or batch.lease != row.lease:
            return f"position {row.position} was written under lease {row.lease} of {batch}"
        holder = before.workers.get(batch.worker)
        if holder is None or holder.ended_at is not None:
            return f"position {row.position} was written for a holder that had ended"
        if row.verdict != "quarantined" and holder.pid != thread.process.pid:
            return f"position {row.position} was written by {thread}, the holder is process {holder.pid}"
    return ""


def rows_are_never_edited_nor_deleted(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantees 5 and 7: machine-written columns stay, rows stay, and only a person's act puts them aside."""
    if before.results is after.results:
        return ""
    for pk, old in before.results.items():
        new = after.results.get(pk)
        if new is None:
            return f"the row of position {old.position} is gone"
        if new.machine_written != old.machine_written:
            return f"the row of position {old.position} was edited"
        if new.superseded_by != old.superseded_by and not thread.decides:
            return f"the row of position {old.position} was put aside or revived by {thread}"
    return ""


def lost_work_is_little(checker: "Checker", _before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 5: a worker lost now discards fewer verdicts than two checkpoint intervals have."""
    for (batch, lease), positions in checker.at_risk.items():
        interval = after.sessions[after.batches[batch].session].checkpoint_interval
        if len(positions) >= 2 * interval:
            return (
                f"verdicts on {sorted(positions)}, given under lease {lease} of batch {batch}, are not stored"
            )
    return ""


def crashes_count_what_was_lost(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 5: a Crash tells how many verdicts were discarded, where its finder could read the last words."""
    for pk, crash in after.crashes.items():
        if pk in before.crashes or crash.session is None:
            continue
        dead = {
            w.pk for w in before.workers.values() if crash.worker in (w.pk, w.parent) and w.ended_at is None
        }
        held = [b for b in before.batches.values() if b.worker in dead and b.session == crash.session]
        lost = sum(len(checker.at_risk.get((batch.pk, batch.lease), ())) for batch in held)
        is_far = before.workers[crash.worker].host != thread.process.host
        if crash.discarded_count != (0 if is_far else lost):
            return f"{lost} verdicts were discarded, the crash tells of {crash.discarded_count}"
    return ""


def commits_bring_their_checkpoint(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 2: with rows comes a checkpoint that covers them."""
    for batch in {row.batch for row in _added(before, after)}:
        newest = max(row.pk for row in after.results.values() if row.batch == batch)
        fresh = [
            c for pk, c in after.checkpoints.items() if pk not in before.checkpoints and c.batch == batch
        ]
        if not any(checkpoint.last_result == newest for checkpoint in fresh):
            return f"batch {after.batches[batch].number} has no checkpoint of its newest row {newest}"
    return ""


def holds_are_moved_by_persons(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Design §3: a worker's step never lifts a hold, but for completing a paused session; it fails with a reason."""
    for session in after.sessions.values():
        old = before.sessions.get(session.pk)
        if old is None or old.hold == session.hold or thread.decides == "person":
            continue
        completed = old.hold == "paused" and session.stage == "completed"
        failed = session.hold == "failed" and _may_fail(session, before, thread)
        stopped = session.hold == "paused" and not old.hold and thread.process.is_stopping
        if not (completed or failed or stopped):
            return f"{thread} moved the hold from {old.hold!r} to {session.hold!r}: {session.last_error}"
    return ""


def stages_only_go_on(_c: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Design §3: the stage goes forward; only a person's recovery takes it back."""
    order = ("scanning", "running", "comparing", "completed")
    for session in after.sessions.values():
        old = before.sessions.get(session.pk)
        is_back = old is not None and order.index(session.stage) < order.index(old.stage)
        if is_back and not thread.decides:
            return f"{thread} took the stage back from {old.stage} to {session.stage}"
        if session.stage != "scanning" and session.total is None:
            return "the scan has ended without a total"
    return ""


def sessions_are_left_alone(checker: "Checker", before: Stored, after: Stored, thread: Thread) -> str:
    """Guarantee 12: a step for one session changes no row of another."""
    subject = checker.simulation.subject_of(thread, before, after)
    if subject is None:
        return ""
    for pk, session in before.sessions.items():
        if pk != subject and after.sessions[pk] != session:
            return f"a step for session {subject[:4]} changed session {pk[:4]}"
    for table in OWNED_TABLES:
        old, new = before.tables[table], after.tables[table]
        if old is new:
            continue
        for pk in old.keys() | new.keys():
            row = new.get(pk) or old[pk]
            if row.session != subject and new.get(pk) != old.get(pk):
                return f"a step for session {subject[:4]} changed {table} of {row.session[:4]}: {row}"
    return ""


def decisions_follow(_c: "Checker", _before: Stored, after: Stored, _thread: Thread) -> str:
    """A decision is the person's verdict, else compare's, else the measured one."""
    newest = {(o.session, o.position): o for o in after.overrides.values()}
    for row in after.results.values():
        if row.superseded_by is not None:
            continue
        expected = "rejected" if row.relation and row.verdict == "approved" else row.verdict
        override = newest.get((row.session, row.position))
        content = row.sha256 or f"{row.size_bytes} {row.mtime_ns}"
        if override is not None and override.new and override.content == content:
            expected = override.new
        if row.decision != expected:
            return f"position {row.position} is decided {row.decision}, expected {expected}"
    return ""


def comparisons_are_true(_c: "Checker", before: Stored, after: Stored, _thread: Thread) -> str:
    """Guarantee 4: of a completed session, every photo whose bytes another one has is its duplicate."""
    for session in after.sessions.values():
        if before.results is after.results and before.sessions is after.sessions:
            return ""
        rows = sorted(after.live_of(session.pk), key=lambda row: row.position)
        first: dict[str, int] = {}
        for row in rows:
            lead = first.setdefault(row.sha256 or f"none {row.position}", row.position)
            expected = "duplicate" if session.stage == "completed" and lead != row.position else ""
            if row.relation != expected:
                return f"position {row.position} is related as {row.relation!r}, expected {expected!r}"
    return ""


RULES: tuple[Rule, ...] = (
    one_live_result_per_photo,
    rows_are_written_by_their_holder,
    rows_are_never_edited_nor_deleted,
    lost_work_is_little,
    crashes_count_what_was_lost,
    verdicts_are_those_of_the_photos,
    batches_equal_their_rows,
    sessions_equal_their_batches,
    commits_bring_their_checkpoint,
    holds_are_moved_by_persons,
    stages_only_go_on,
    sessions_are_left_alone,
    decisions_follow,
    comparisons_are_true,
)


def _live_by_batch(after: Stored) -> dict[int, list[ResultRow]]:
    rows: dict[int, list[ResultRow]] = {}
    for row in after.results.values():
        if row.superseded_by is None:
            rows.setdefault(row.batch, []).append(row)
    return rows


def _added(before: Stored, after: Stored) -> list[ResultRow]:
    if before.results is after.results:
        return []
    return [row for pk, row in after.results.items() if pk not in before.results]


def _is_done(batch: BatchRow) -> bool:
    return batch.kind == "photos" and batch.status == "done"


def _may_fail(session: SessionRow, before: Stored, thread: Thread) -> bool:
    """Whether a session fails of what happens in a world; of its source, only by who holds a batch of it."""
    if session.last_error.startswith(KNOWN_FAILURES):
        return True
    pids = {
        before.workers[b.worker].pid for b in before.batches.values() if b.session == session.pk and b.worker
    }
    return SOURCE_GONE in session.last_error and thread.process.pid in pids


def _counters_differ(batch: BatchRow, rows: list[ResultRow]) -> str:
    verdicts = Counter(row.verdict for row in rows)
    counted = {"processed": len(rows), **{name: verdicts[name] for name in COUNTERS[1:]}}
    stored = {name: getattr(batch, name) for name in COUNTERS}
    return "" if stored == counted else f"counters {stored}, rows {counted}"


def _reasons_differ(stored: dict[str, int], rows: Iterable[ResultRow]) -> str:
    counted = Counter(code for row in rows for code in row.reason_codes)
    return "" if _without_zeros(stored) == dict(counted) else f"reasons {stored}, rows {dict(counted)}"


def _session_reasons_differ(session: SessionRow, done: list[BatchRow], live: list[ResultRow]) -> str:
    counted: Counter[str] = Counter()
    for batch in done:
        counted.update(as_json(batch.reason_counts))
    if session.stage == "completed":
        counted.update(row.relation for row in live if row.relation and row.verdict == "approved")
    stored = _without_zeros(as_json(session.reason_counts))
    return "" if stored == _without_zeros(counted) else f"reasons {stored}, rows {dict(counted)}"


def _shift_differs(session: SessionRow, after: Stored) -> str:
    moved: Counter[str] = Counter()
    for row in after.live_of(session.pk):
        if row.decision != row.verdict:
            moved[row.verdict] -= 1
            moved[row.decision] += 1
    stored = _without_zeros(as_json(session.shift))
    return "" if stored == _without_zeros(moved) else f"shift {stored}, rows {dict(moved)}"


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
