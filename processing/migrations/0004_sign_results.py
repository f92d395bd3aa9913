"""Signs, once, what version 0.1.0 has written: results, then their batches, then their sessions, page by page.

What bears a hash already is left as it is, so it may be killed and run again. Version 0.1.0 counted what compare had
rejected in a session's own counters; since then they are measured verdicts, and a shift says what decisions change.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import migrations
from django.db.models import Count, F, Q, Sum

from processing import digests, keys

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_PER_PAGE = 500
COUNTERS = ("processed", "approved", "rejected", "unreadable", "quarantined")
# A ledger that names nothing: the checkpoints of version 0.1.0 bear no seals, and none must be there.
LEDGER = {"head": "", "sealed_count": 0, "newest": {}, "pinned": {}, "keep_min": None}
# As of this version; a later one that signs more signs it in a migration of its own.
SIGNED = (
    "batch_id",
    "position",
    "path",
    "path_text",
    "size_bytes",
    "mtime_ns",
    "sha256",
    "width_px",
    "height_px",
    "verdict",
    "reasons",
    "measures",
    "fingerprint",
    "note",
    "lease",
    "attempt",
)


def sign_results(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Give each result without a mac its mac."""
    results = apps.get_model("processing", "ImageResult").objects.using(editor.connection.alias)
    after = 0
    while page := list(results.filter(pk__gt=after, mac=b"").order_by("pk")[:ROWS_PER_PAGE]):
        for row in page:
            columns = (getattr(row, name) for name in SIGNED)
            row.mac = keys.sign("result", keys.canonical([str(row.session_id), *columns]))
        results.bulk_update(page, ["mac"])
        after = page[-1].pk


def sign_batches(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Give each batch with results its digest."""
    alias = editor.connection.alias
    batches = apps.get_model("processing", "Batch").objects.using(alias)
    results = apps.get_model("processing", "ImageResult").objects.using(alias).filter(superseded_by=None)
    unsigned = batches.filter(digest=b"", processed__gt=0).only("pk").order_by("pk")
    after = 0
    while page := list(unsigned.filter(pk__gt=after)[:ROWS_PER_PAGE]):
        for batch in page:
            links = results.filter(batch=batch).order_by("pk").values_list(*digests.LINK)
            batch.digest = digests.extend(digests.EMPTY, batch.pk, links.iterator(digests.ROWS_PER_READ))
        batches.bulk_update(page, ["digest"])
        after = page[-1].pk


def sign_sessions(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Give each session with finished batches their sum, and let its counters be those of measured verdicts."""
    alias = editor.connection.alias
    sessions = apps.get_model("processing", "ProcessingSession").objects.using(alias)
    batches = apps.get_model("processing", "Batch").objects.using(alias)
    for session_id in list(sessions.filter(finished_sum=b"").order_by("pk").values_list("pk", flat=True)):
        finished = batches.filter(session=session_id, kind="photos", status="done").order_by("pk")
        sums = finished.aggregate(**{f"{name}_sum": Sum(name, default=0) for name in COUNTERS})
        pairs = finished.values_list("pk", "digest").iterator(digests.ROWS_PER_READ)
        sessions.filter(pk=session_id).update(
            finished_sum=digests.finished_sum(pairs),
            shift=_shift_of(apps, alias, session_id),
            **{name: sums[f"{name}_sum"] for name in COUNTERS},
        )


def sign_ledgers(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Give each session without a list of checkpoints that must be there one that names none."""
    sessions = apps.get_model("processing", "ProcessingSession").objects.using(editor.connection.alias)
    without = sessions.filter(ledger={}, ledger_tag=b"").order_by("pk")
    for session_id in list(without.values_list("pk", flat=True)):
        tag = keys.sign("ledger", session_id.bytes, keys.canonical(LEDGER))
        sessions.filter(pk=session_id).update(ledger=LEDGER, ledger_tag=tag)


def _shift_of(apps: "Apps", alias: str, session_id: UUID) -> dict[str, int]:
    results = apps.get_model("processing", "ImageResult").objects.using(alias)
    moved = results.filter(~Q(decision=F("verdict")), session=session_id, superseded_by=None).order_by()
    shift: dict[str, int] = {}
    for verdict, decision, count in moved.values_list("verdict", "decision").annotate(count=Count("pk")):
        shift[verdict] = shift.get(verdict, 0) - count
        shift[decision] = shift.get(decision, 0) + count
    return {name: count for name, count in shift.items() if count}


def count_decisions(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Back: count decisions in the sessions' own counters again, as version 0.1.0 does."""
    sessions = apps.get_model("processing", "ProcessingSession").objects.using(editor.connection.alias)
    for session_id, shift in list(sessions.exclude(finished_sum=b"").values_list("pk", "shift")):
        counters: dict[str, Any] = {name: F(name) + count for name, count in shift.items()}
        sessions.filter(pk=session_id).update(shift={}, finished_sum=b"", **counters)


class Migration(migrations.Migration):
    # Each page is a transaction of its own: one over a million rows would hold all other writers for minutes.
    atomic = False

    dependencies = [("processing", "0003_macs_and_overrides")]

    operations = [
        migrations.RunPython(sign_results, migrations.RunPython.noop),
        migrations.RunPython(sign_batches, migrations.RunPython.noop),
        migrations.RunPython(sign_sessions, count_decisions),
        migrations.RunPython(sign_ledgers, migrations.RunPython.noop),
    ]
