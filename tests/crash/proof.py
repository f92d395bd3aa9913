"""The full check after a disturbed run: nothing lost, doubled, different, left behind or wrongly set aside."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from processing.models import Batch, ImageResult, ProcessingSession
from processing.models.commit import COUNTERS
from processing.published import images_of
from processing.states import Status
from recovery import integrity
from recovery.audit_verification import Reading
from recovery.models import Checkpoint
from tests.crash.studio import Studio, until

LEFTOVER_S = 5.0


def images_text(session: ProcessingSession) -> str:
    """Give what `results --format jsonl` prints."""
    lines = ({"type": "image", **image} for image in images_of(session))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def fingerprint_folder(folder: Path) -> str:
    """Give a hash over all names, contents and times of a folder of originals."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        digest.update(f"{path} {content} {path.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()


def assert_exact(studio: Studio, expected: str, *, quarantined: Iterable[int] = ()) -> ProcessingSession:
    """Assert that the newest session ended as an undisturbed run, apart from photos that had to be set aside."""
    session = studio.session()
    assert_session_exact(session, expected, quarantined=quarantined)
    until(lambda: not studio.processes(), LEFTOVER_S)
    return session


def assert_session_exact(
    session: ProcessingSession, expected: str, *, quarantined: Iterable[int] = ()
) -> None:
    """Assert of one session that it completed with each photo once, true counters, and the expected results."""
    session.refresh_from_db()
    aside = set(quarantined)
    assert session.status == Status.COMPLETED
    _assert_once_each(session)
    assert set(_positions(session, verdict="quarantined")) == aside
    assert _without(images_text(session), aside) == _without(expected, aside)
    assert [finding.text for finding in integrity.verify(session)] == []
    assert [problem.text for problem in Reading().problems()] == []


def assert_emergency_told(studio: Studio, session: ProcessingSession) -> None:
    """Assert that one intact emergency checkpoint says why a session failed, and at which photo it stood."""
    (told,) = (
        line
        for line in studio.finish("checkpoints", "latest", "--json").lines("checkpoint")
        if line["checkpoint_type"] == "emergency"
    )
    made = Checkpoint.objects.get(pk=told["checkpoint"])
    covered = ImageResult.objects.live().filter(session=session, pk__lte=made.last_result or 0)
    positions = set(covered.values_list("position", flat=True))
    batch = Batch.objects.get(session=session, number=told["current_batch"])
    missing = [photo.position for photo in batch.photos() if photo.position not in positions]
    assert (told["intact"], made.note) == (True, session.last_error)
    assert (told["processed_count"], told["current_image_index"]) == (len(positions), missing[0])


def _assert_once_each(session: ProcessingSession) -> None:
    assert _positions(session) == list(range(session.total))
    measured = Counter(_live(session).values_list("verdict", flat=True))
    decided = Counter(_live(session).values_list("decision", flat=True))
    stored = {name: getattr(session, name) for name in COUNTERS}
    assert stored == {name: measured[name] for name in COUNTERS} | {"processed": measured.total()}
    assert session.counts() == {name: decided[name] for name in COUNTERS} | {"processed": decided.total()}


def _live(session: ProcessingSession) -> Any:
    return ImageResult.objects.live().filter(session=session).in_order()


def _positions(session: ProcessingSession, **wanted: str) -> list[int]:
    return list(_live(session).filter(**wanted).values_list("position", flat=True))


def _without(text: str, positions: set[int]) -> list[str]:
    """Leave lines out, and the groups: which photos are compared depends on those that could be measured."""
    lines = text.splitlines()
    if not positions:
        return lines
    images = [json.loads(line) for line in lines]
    return [
        json.dumps(image | {"similar_group": None}) for image in images if image["position"] not in positions
    ]
