"""Whether rows are decided as they should be: by the person's verdict in force, else compare's, else the measured one."""

from collections.abc import Iterator, Mapping, Sequence

from processing.models import Batch, ImageResult, Override
from recovery.findings import Code, Finding, found


def events_of(batches: Sequence[Batch]) -> dict[int, Override]:
    """Give the newest event of each position in some neighboring batches of one session."""
    if not batches:
        return {}
    last = max(batch.first_position + batch.photos_count for batch in batches) - 1
    span = (min(batch.first_position for batch in batches), last)
    return Override.objects.filter(session=batches[0].session_id, position__range=span).newest()


def wrongly_decided(
    rows: Sequence[ImageResult], events: Mapping[int, Override]
) -> Iterator[tuple[ImageResult, str]]:
    """Give the live rows whose decision is not what it should be, each with that."""
    for row in rows:
        event = events.get(row.position)
        due = (event and event.verdict_on(row)) or row.machine_verdict
        if row.superseded_by is None and row.decision != due:
            yield row, due


def decision_problems(rows: Sequence[ImageResult], events: Mapping[int, Override]) -> Iterator[Finding]:
    """Name the live rows whose decision is not what it should be."""
    for row, due in wrongly_decided(rows, events):
        text = f"Photo {row.position} ({row.path_text}) is listed as {row.decision} instead of {due}."
        yield found(Code.DECISION, text)
