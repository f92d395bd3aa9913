"""The compare stage: exact and near-duplicates as a pure function of all live machine verdicts."""

from collections import Counter
from collections.abc import Iterator

from django.db import transaction

from processing.analysis.fingerprint import Candidate, Relation, compare
from processing.analysis.verdict import COMPARE_KEY
from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.commit import Seal
from processing.models.override import decide
from processing.overriding import newest_of, shift_of
from processing.states import Relation as Found
from processing.states import Verdict
from processing.superseding import clear_relations

UPDATE_ROWS_MAX = 500
COLUMNS = ("position", "sha256", "fingerprint", "verdict", "measures")


def run_compare(batch: Batch, *, seal: Seal) -> None:
    """Compare all photos of the session and complete it, in one transaction that names the lease."""
    session = ProcessingSession.objects.get(pk=batch.session_id)
    relations = compare(_candidates(session), int(session.preset.get(COMPARE_KEY, 0)))
    with transaction.atomic():
        session = ProcessingSession.objects.lock(batch.session_id)
        batch.finish()
        clear_relations(session)
        moved = _store(session, relations)
        session.set_shift(shift_of(session))
        session.complete(moved)
        batch.commit_end(session, seal)


def _candidates(session: ProcessingSession) -> Iterator[Candidate]:
    """Stream the photos that can be compared: those that were decoded."""
    rows = ImageResult.objects.live().filter(session=session).exclude(sha256="").in_order()
    for position, sha256, fingerprint, verdict, measures in rows.values_list(*COLUMNS).iterator(2000):
        yield Candidate(
            position=position,
            sha256=sha256,
            fingerprint=bytes(fingerprint),
            approved=verdict == Verdict.APPROVED,
            score=float(measures.get("focus", 0.0)),
        )


def _store(session: ProcessingSession, relations: list[Relation]) -> dict[str, int]:
    """Write the relations beside the rows; give how many approved photos each reason rejects.

    A person's verdict beats compare's. test: test_comparison_leaves_a_persons_verdict_standing.
    """
    found = {relation.position: relation for relation in relations}
    moved: Counter[str] = Counter()
    positions = sorted(found)
    for start in range(0, len(positions), UPDATE_ROWS_MAX):
        page = positions[start : start + UPDATE_ROWS_MAX]
        rows = list(ImageResult.objects.live().filter(session=session, position__in=page).in_order())
        for row in rows:
            relation = found[row.position]
            row.similar_group = relation.group
            row.relation = relation.code or Found.NONE
            row.distance = relation.measured if relation.code else None
            moved.update([row.relation] if row.is_moved else [])
        decide(rows, newest_of(session, page))
        ImageResult.objects.bulk_update(rows, ["similar_group", "relation", "distance", "decision"])
    return dict(moved)
