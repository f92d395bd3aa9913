"""One batch against its rows: macs, places, duplicates, gaps, digest, counters. Reads only."""

import hmac
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from processing import digests, keys
from processing.models import Batch, ImageResult
from processing.models.commit import COUNTERS
from processing.sources import path_text
from processing.states import BatchStatus
from recovery.findings import Code, Finding, found

# A repair put these aside: no recovery has this number, so none brings them back.
REPAIRED = 0
# Each row that a position has too many doubles the ways to choose.
CHOICES_MAX = 4096


def check_batch(batch: Batch) -> list[Finding]:
    """Compare a batch with its rows as they are stored now; who must not see a commit half way locks its row."""
    return list(problems_of(batch, list(batch.results.order_by("pk"))))


def problems_of(batch: Batch, rows: Sequence[ImageResult]) -> Iterator[Finding]:
    """Find what is wrong with a batch; `rows` are all of its rows, those put aside too, in the order of keys."""
    live = [row for row in rows if row.superseded_by is None]
    kept = chosen(batch, live)
    aside = {row.pk for row in live} - {row.pk for row in kept or live}
    yield from (_changed(row) for row in rows if _is_forged(row) and row.pk not in aside)
    yield from _misplaced(batch, live)
    yield from _duplicates(batch, live, is_decided=bool(aside))
    if kept is None:
        yield found(Code.DIGEST, f"{_named(batch)}: its digest is not that of its {len(live)} results.")
    yield from _gaps(batch, live, is_told=kept is not None)
    yield from _miscounts(batch, kept or live)


def chosen(batch: Batch, live: Sequence[ImageResult]) -> list[ImageResult] | None:
    """Choose the rows that the digest is of: all, or one for each position; None when it is of no such choice.

    A copy of a row has its mac, but not its key and instant, which the digest holds.
    """
    if _is_digest_of(batch, live):
        return list(live)
    by_position: dict[int, list[ImageResult]] = defaultdict(list)
    for row in live:
        by_position[row.position].append(row)
    if len(by_position) == len(live) or prod(map(len, by_position.values())) > CHOICES_MAX:
        return None
    choices = (sorted(choice, key=lambda row: row.pk) for choice in product(*by_position.values()))
    return next((rows for rows in choices if _is_digest_of(batch, rows)), None)


def _is_digest_of(batch: Batch, rows: Sequence[ImageResult]) -> bool:
    return digest_holds(batch.digest, batch.pk, [(row.pk, row.created_at, as_bytes(row.mac)) for row in rows])


def digest_holds(digest: keys.Stored, batch_id: int, links: Sequence[digests.Link]) -> bool:
    """Say whether a batch's digest is that of just these rows, under the key that it names itself."""
    secret = keys.secret_of(digest)
    if secret is None:
        return False
    return hmac.compare_digest(bytes(digest), digests.extend(digests.EMPTY, batch_id, links, secret=secret))


def as_bytes(value: "str | keys.Stored") -> bytes:
    """Read a column of bytes, in which SQLite stores text too."""
    return value.encode() if isinstance(value, str) else bytes(value)


def _is_forged(row: ImageResult) -> bool:
    """Whether a row's mac fails; what a repair put aside was never trusted, and is kept as evidence."""
    if row.superseded_by == REPAIRED:
        return False
    try:
        return not row.is_authentic()
    except (TypeError, ValueError):  # SQLite stores text in a column of bytes.
        return True


def _changed(row: ImageResult) -> Finding:
    named = f"Result {row.pk} of photo {row.position} ({row.path_text})"
    if keys.secret_of(as_bytes(row.mac)) is None:
        return found(
            Code.UNKNOWN_KEY, f"{named} was signed with a key that is not among the configured ones."
        )
    return found(Code.RESULT_CHANGED, f"{named} is not as it was written.")


def _misplaced(batch: Batch, live: Sequence[ImageResult]) -> Iterator[Finding]:
    try:
        photos = {photo.position: photo.path for photo in batch.photos()}
    except (AttributeError, TypeError, ValueError):
        yield found(Code.MANIFEST, f"The manifest of {_named(batch)} cannot be read.")
        return
    if len(photos) != batch.photos_count:
        yield found(
            Code.MANIFEST, f"{_named(batch)} lists {len(photos)} photos instead of {batch.photos_count}."
        )
    for row in live:
        if photos.get(row.position) != as_bytes(row.path):
            path = path_text(as_bytes(row.path))
            text = f"Result {row.pk} of photo {row.position} ({path}) belongs to no photo of {_named(batch)}."
            yield found(Code.MISPLACED, text)


def _duplicates(batch: Batch, live: Sequence[ImageResult], *, is_decided: bool) -> Iterator[Finding]:
    counts = Counter(row.position for row in live)
    for position, count in sorted(counts.items()):
        if count > 1:
            text = f"Photo {position} of {_named(batch)} has {count} live results."
            yield found(Code.DUPLICATE, text, repairable=is_decided)


def _gaps(batch: Batch, live: Sequence[ImageResult], *, is_told: bool) -> Iterator[Finding]:
    """Name photos without a result in a finished batch; where the digest holds, no result was taken away."""
    if batch.status != BatchStatus.DONE:
        return
    span = range(batch.first_position, batch.first_position + batch.photos_count)
    for position in sorted(set(span) - {row.position for row in live}):
        text = f"Photo {position} has no result, though {_named(batch)} is done."
        yield found(Code.GAP, text, repairable=is_told)


def _miscounts(batch: Batch, rows: Sequence[ImageResult]) -> Iterator[Finding]:
    counters = dict.fromkeys(COUNTERS, 0) | Counter(row.verdict for row in rows) | {"processed": len(rows)}
    stored = {name: getattr(batch, name) for name in COUNTERS}
    if counters != stored:
        yield found(Code.COUNTERS, f"{_named(batch)} counts {stored}, its results are {counters}.")
    reasons = Counter(code for row in rows for code in _codes_of(row))
    if dict(reasons) != batch.reason_counts:
        text = f"{_named(batch)} counts the reasons {batch.reason_counts}, its results have {dict(reasons)}."
        yield found(Code.REASONS, text)


def _codes_of(row: ImageResult) -> list[str]:
    """Give the reasons' codes; a row that somebody changed may hold anything.

    test: test_changed_result_is_named_when_its_reasons_are_no_reasons.
    """
    reasons = row.reasons if isinstance(row.reasons, list) else []
    return [str(reason.get("code")) for reason in reasons if isinstance(reason, dict)]


def _named(batch: Batch) -> str:
    return f"Batch {batch.number}"
