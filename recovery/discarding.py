"""What an undo discards is noted by the recoveries that it undoes: `verify` then misses each row of it.

Nothing that does not hold is noted as if it did: what was wrong before an undo is found after it too.
"""

from collections.abc import Collection
from dataclasses import replace

from processing import digests, keys
from processing.models import Batch, ImageResult
from processing.models.result import ResultQuerySet
from recovery.aside import add_up, note_of, sums_of
from recovery.models import RecoveryAttempt

BATCHES_PER_READ = 500


def notes_of_discarded(
    made_since: ResultQuerySet, undone: RecoveryAttempt, kept_in_part: Collection[int]
) -> dict[int, bytes]:
    """Give what a recovery and those on it are to note once they are undone, by number; before rows are moved.

    `made_since` are the live rows that the undo will put aside, `kept_in_part` the batches of which other rows
    stay live, and which the caller has verified. A recovery whose old note does not hold gets no new one.
    """
    total = _sum_of_made(made_since, kept_in_part)
    notes = {undone.number: note_of(undone.session_id, undone.number, total, is_undone=True)}
    return notes | _notes_above(undone)


def _sum_of_made(made_since: ResultQuerySet, kept_in_part: Collection[int]) -> bytes:
    """Sum the rows by batch; of one that loses all of its rows, its own digest is that of just these.

    test: test_row_that_was_missing_before_an_undo_is_missed_after_it.
    """
    batch_ids = sorted(made_since.order_by().values_list("batch_id", flat=True).distinct())
    total = digests.EMPTY
    for batch in Batch.objects.filter(pk__in=batch_ids).order_by("pk").iterator(BATCHES_PER_READ):
        digest = bytes(batch.digest)
        if batch.pk in kept_in_part or not keys.is_current(digest):
            links = made_since.filter(batch=batch).order_by("pk").values_list(*digests.LINK)
            digest = digests.extend(digests.EMPTY, batch.pk, links.iterator(digests.ROWS_PER_READ))
        total = digests.add_finished(total, batch.pk, digest)
    return total


def _notes_above(undone: RecoveryAttempt) -> dict[int, bytes]:
    """Give the notes of the recoveries that stand on the undone one: of what they put aside and nothing brings back.

    Rows that are not those that were noted before keep the old note, which does not hold then. Where there is such a
    recovery, the rows of the whole session are read.
    """
    above = [one for one in sums_of(undone.session) if not one.is_undone and one.number > undone.number]
    if not above:
        return {}
    rows = ImageResult.objects.filter(batch__session=undone.session_id)
    add_up(rows, above)
    secret = keys.current_secret()
    discarded = [
        replace(one, is_undone=True, secret=secret, total=digests.EMPTY) for one in above if one.holds
    ]
    add_up(rows.filter(attempt__gte=undone.number), discarded)
    return {one.number: one.note for one in discarded}
