"""One photo as the world is told of it, and what a scan left out."""

from collections.abc import Iterator, Mapping
from typing import Any

from processing.analysis.verdict import COMPARE_KEY
from processing.looking import MachineFilter, look
from processing.models import ImageResult, Override, ProcessingSession, SkippedEntry
from processing.overriding import newest_of
from processing.sources import path_text

# Rows read at once: a page is one short query, so that a reader who stops half way holds nothing open.
PAGE_ROWS = 2000


def reasons_of(result: ImageResult, rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the reasons of the machine's verdict; PostgreSQL's jsonb forgets the order of keys, so it is set here."""
    reasons = [
        {"code": reason["code"], "measured": reason.get("measured"), "limit": reason.get("limit")}
        for reason in result.reasons
    ]
    if result.is_moved:
        limit = rules.get(COMPARE_KEY)
        reasons.append({"code": str(result.relation), "measured": result.distance, "limit": limit})
    return reasons


def image_of(result: ImageResult, rules: Mapping[str, Any], event: Override | None = None) -> dict[str, Any]:
    """Give the published image; rules are those of its session's preset, event is its position's newest override.

    Nothing of time, host, lease or worker is in it: two runs over the same photos give the same bytes.
    """
    return {
        "position": result.position,
        "path": path_text(bytes(result.path)),
        "sha256": result.sha256 or None,
        "bytes": result.size_bytes,
        "width_px": result.width_px,
        "height_px": result.height_px,
        "verdict": result.machine_verdict,
        "reasons": reasons_of(result, rules),
        "measures": dict(sorted(result.measures.items())),
        "similar_group": result.similar_group,
        "override": _override_of(result, event),
    }


def _override_of(result: ImageResult, event: Override | None) -> dict[str, Any] | None:
    verdict = "" if event is None else event.verdict_on(result)
    return {"verdict": verdict, "note": event.note} if event is not None and verdict else None


def images_of(session: ProcessingSession, verdict: str = "", reason: str = "") -> Iterator[dict[str, Any]]:
    """Give a session's images in order of position, in flat memory; only those with a machine's verdict or a reason."""
    results = ImageResult.objects.live().filter(session=session)
    if verdict:
        results = results.with_machine_verdict(verdict)
    position = -1
    while page := list(results.filter(position__gt=position).in_order()[:PAGE_ROWS]):
        chosen = [result for result in page if not reason or reason in result.reason_codes]
        events = newest_of(session, [result.position for result in chosen])
        yield from (image_of(result, session.preset, events.get(result.position)) for result in chosen)
        position = page[-1].position


def images_page(
    session: ProcessingSession, wanted: MachineFilter, after: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Give the next images behind a position, and the position behind which the next page goes on; None: no more.

    A page may be short, or empty, and not the last one: so much is read at most, however rare what is asked for.
    """
    found = look(session, wanted, after, limit)
    events = newest_of(session, [row.position for row in found.rows])
    images = [image_of(row, session.preset, events.get(row.position)) for row in found.rows]
    return images, found.further


def skipped_of(session: ProcessingSession) -> Iterator[dict[str, Any]]:
    """Give what a session's scan left out, in the order in which it was met."""
    entries = SkippedEntry.objects.filter(session=session).order_by("pk")
    newest = 0
    while page := list(entries.filter(pk__gt=newest)[:PAGE_ROWS]):
        yield from ({"path": path_text(bytes(entry.path)), "reason": str(entry.reason)} for entry in page)
        newest = page[-1].pk
