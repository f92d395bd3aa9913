"""What a checkpoint's state says: how far the session is, what it costs, and under which rules it is judged."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from processing.models import Batch, ProcessingSession, Worker
from processing.models.commit import COUNTERS, Commit
from processing.states import BatchKind
from recovery.versions import SCHEMA, code_version

# What processes tell of themselves; what nobody told is null.
Telemetry = Mapping[str, Any]
# The batch that a session is at, and the position in it; null where none is open.
Place = tuple[int | None, int | None]
SUMMED = ("rss_bytes", "device_memory_bytes", "rate_per_s", "errors_count")
SETTINGS_COLUMNS = ("batch_size", "checkpoint_interval", "lanes", "recursive")
OPEN_COLUMNS = ("number", "kind", *COUNTERS, "reason_counts", "digest", "chain_head")


def state_of_commit(commit: Commit, telemetry: Telemetry) -> dict[str, Any]:
    """Describe a commit: its own batch is the open one, since a worker may read no other here.

    Counted are the session's finished batches and this one; the digest is the batch's keyed one.
    """
    batch = commit.batch
    open_batch = (
        batch.number,
        batch.kind,
        *(commit.counters.get(name, 0) for name in COUNTERS),
        dict(commit.reason_counts),
        commit.digest,
        commit.chain_head,
    )
    counts = dict(commit.finished)
    if not commit.ends_batch:
        counts = {name: count + commit.counters.get(name, 0) for name, count in counts.items()}
    return {
        **_standing(commit.stage, commit.batch.number, next_position(commit), [open_batch]),
        **_counts(counts),
        **_vitals(telemetry),
        **_origin(batch.session),
        "digest": commit.digest.hex(),
    }


def state_of_session(session: ProcessingSession, place: Place, telemetry: Telemetry) -> dict[str, Any]:
    """Describe a session whose row the caller has locked, with all its open batches and what their chains end in.

    `place` is the batch and the position it is at. The digest is the keyed sum of the finished batches, so that
    the state stays small however many there are.
    """
    open_batches = Batch.objects.with_open_results(session.pk).order_by("number", "pk")
    return {
        **_standing(session.stage, *place, open_batches.values_list(*OPEN_COLUMNS)),
        **_counts(session.counts()),
        **_vitals(telemetry),
        **_origin(session),
        "digest": bytes(session.finished_sum).hex(),
    }


def next_position(commit: Commit) -> int | None:
    """Give the position behind the last photo of a commit; None where it has none."""
    return None if commit.last_position is None else commit.last_position + 1


def place_of(session: ProcessingSession) -> Place:
    """Give the first unfinished batch of photos, and its lowest position without a verdict."""
    unfinished = Batch.objects.unfinished().filter(session=session, kind=BatchKind.PHOTOS)
    batch = unfinished.order_by("number", "pk").first()
    if batch is None:
        return None, None
    missing = batch.missing()
    return batch.number, missing[0].position if missing else None


def telemetry_of(session: ProcessingSession, last_error: str = "") -> dict[str, Any]:
    """Add up what the living workers in the session's lanes have told at their last beat.

    `last_error` is one that they may not have told yet.
    """
    workers = Worker.objects.living().filter(lane_session=session).order_by("pk")
    told = list(workers.values_list("telemetry", flat=True))
    sums = {name: _sum(one.get(name) for one in told) for name in SUMMED}
    shares = [one["device_utilization"] for one in told if one.get("device_utilization") is not None]
    errors = [one["last_error"] for one in told if one.get("last_error")]
    if last_error:
        sums["errors_count"] = max(sums["errors_count"] or 0, 1)
    return {
        **sums,
        "device_utilization": round(sum(shares) / len(shares), 3) if shares else None,
        "last_error": last_error or session.last_error or (errors[-1] if errors else ""),
    }


def _sum(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _standing(
    stage: str, current_batch: int | None, position: int | None, open_batches: Iterable[tuple[Any, ...]]
) -> dict[str, Any]:
    return {
        "stage": str(stage),
        "current_batch": current_batch,
        "current_image_index": position,
        "open_batches": [_open_batch(*columns) for columns in open_batches],
    }


def _open_batch(number: int, kind: str, *columns: Any) -> dict[str, Any]:
    *counters, reason_counts, digest, head = columns
    return {
        "number": number,
        "kind": str(kind),
        **dict(zip(COUNTERS, counters, strict=True)),
        "reason_counts": reason_counts,
        "digest": bytes(digest).hex(),
        "head": bytes(head).hex(),
    }


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Give the published counts; those that could not be judged are one number there (interface §3)."""
    return {
        "processed": counts["processed"],
        "approved": counts["approved"],
        "rejected": counts["rejected"],
        "failed": counts["unreadable"] + counts["quarantined"],
    }


def _vitals(telemetry: Telemetry) -> dict[str, Any]:
    return {
        "memory_bytes": telemetry.get("rss_bytes"),
        "device_memory_bytes": telemetry.get("device_memory_bytes"),
        "device_utilization": telemetry.get("device_utilization"),
        "rate_per_s": telemetry.get("rate_per_s"),
        "errors_count": telemetry.get("errors_count"),
        "last_error": telemetry.get("last_error") or None,
    }


def _origin(session: ProcessingSession) -> dict[str, Any]:
    columns = {name: getattr(session, name) for name in SETTINGS_COLUMNS}
    snapshot = {
        "preset_name": session.preset_name,
        "preset": session.preset,
        "settings": {
            **columns,
            "photo_timeout_s": settings.PHOTO_TIMEOUT_S,
            "checkpoint_keep_count": settings.CHECKPOINT_KEEP_COUNT,
            "device": settings.STOCKPROOF_DEVICE,
        },
    }
    return {"config_snapshot": snapshot, "versions": {"code": code_version(), "schema": SCHEMA}}
