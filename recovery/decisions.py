"""What a row's decision should be: the person's verdict in force, else compare's, else the measured one."""

from collections.abc import Iterator, Mapping, Sequence

from processing.models import Batch, ImageResult, Override
from recovery.findings import Code, Finding, found


def events_of(batches: Sequence[Batch]) -> dict[int, Override]:
    """Give the newest event of each position in some neighboring batches of one session."""
    if not batches:
        return {}
    last = max(batch.first_position + batch.photos_count for batch in batches) - 1
    span = (min(batch.first_position for batch in batches), last)
    events = Override.objects.filter(session=batches[0].session_id, position__range=span)
    return {event.position: event for event in events.order_by("pk")}


def due_decision(row: ImageResult, events: Mapping[int, Override]) -> str:
    """Say what a row's decision should be. A person's verdict lapses when the content differs."""
    event = events.get(row.position)
    return (event and event.verdict_on(row)) or row.machine_verdict


def decision_problems(rows: Sequence[ImageResult], events: Mapping[int, Override]) -> Iterator[Finding]:
    """Name the live rows whose decision is not what it should be."""
    for row in rows:
        due = due_decision(row, events)
        if row.superseded_by is None and row.decision != due:
            text = f"Photo {row.position} ({row.path_text}) is listed as {row.decision} instead of {due}."
            yield found(Code.DECISION, text)
