"""Which checkpoints are missing that must be there: what pruning takes is told from what a hand took.

Pruning takes the oldest image checkpoints only, and of every other type all but the newest, which the ledger names.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from django.conf import settings
from django.db import transaction

from processing.models import Batch, ImageResult, ProcessingSession
from processing.states import BatchStatus
from recovery import seal
from recovery.kinds import CheckpointType
from recovery.models import Checkpoint


def missing_checkpoints(session: ProcessingSession) -> list[str]:
    """Say in sentences which checkpoints of a session were removed; an empty list when none was.

    Takes a few queries, however large the session is. What looks suspicious is looked at again under the session's
    lock, since a batch may end between two reads.
    """
    if not list(_findings(ProcessingSession.objects.get(pk=session.pk))):
        return []
    with transaction.atomic():
        return list(_findings(ProcessingSession.objects.lock(session.pk)))


def _findings(session: ProcessingSession) -> Iterator[str]:
    # Batches before checkpoints: a commit between the two adds a checkpoint, and takes away only what pruning may.
    batches = _batches_to_ask(session)
    stored = list(
        Checkpoint.objects.filter(session=session).defer("session_state").order_by("sequence", "pk")
    )
    yield from _ledger_findings(session, {str(one.pk): one for one in stored})
    images = [one for one in stored if one.checkpoint_type == CheckpointType.IMAGE]
    yield from _image_findings(session, images, batches)


def _batches_to_ask(session: ProcessingSession) -> list[Batch]:
    """Read the batches whose chain head can be looked for: the open ones and those with image checkpoints left."""
    images = Checkpoint.objects.filter(session=session, checkpoint_type=CheckpointType.IMAGE)
    with_images = Batch.objects.filter(pk__in=list(images.values_list("batch_id", flat=True)))
    found = {}
    for batches in (with_images, Batch.objects.unfinished().filter(session=session)):
        heads = (
            batches.exclude(chain_head=b"").only("number", "status", "chain_head").order_by("number", "pk")
        )
        found.update({batch.pk: batch for batch in heads})
    return list(found.values())


def _ledger_findings(session: ProcessingSession, stored: Mapping[str, Checkpoint]) -> Iterator[str]:
    """Compare the list of what must be there with what is."""
    if not session.has_authentic_ledger():
        yield "The list of checkpoints that must be there was changed."
    if not session.ledger and Batch.objects.filter(session=session, status=BatchStatus.DONE).exists():
        yield "The list of checkpoints that must be there is missing."
    named = {one["checkpoint"]: (kind, one["seal"]) for kind, one in session.ledger.get("newest", {}).items()}
    pinned = {pk: ("pinned", tag) for pk, tag in session.ledger.get("pinned", {}).items()}
    for pk, (kind, tag) in sorted({**named, **pinned}.items()):
        if pk not in stored:
            yield f"The {kind} checkpoint {pk} is missing."
        elif bytes(stored[pk].seal).hex() != tag:
            yield f"The {kind} checkpoint {pk} is not the one that was taken."
    yield from _wrong_pins(pinned.keys(), stored)


def _wrong_pins(pinned: Collection[str], stored: Mapping[str, Checkpoint]) -> Iterator[str]:
    """Compare who is kept for ever with the list: pruning goes by the row, and passes a pinned one by."""
    for pk, checkpoint in sorted(stored.items()):
        if pk in pinned and not checkpoint.pinned:
            yield f"Checkpoint {pk} is not kept for ever any more, though nobody has unpinned it."
        elif checkpoint.pinned and pk not in pinned:
            yield f"Checkpoint {pk} is kept for ever, though nobody has pinned it: unpin or pin it."


def _image_findings(
    session: ProcessingSession, images: Sequence[Checkpoint], batches: Sequence[Batch]
) -> Iterator[str]:
    """Look for links in the middle of a batch's chain, at its end, and for too few of them."""
    released = set(session.ledger.get("released", []))
    chains: dict[int | None, list[Checkpoint]] = defaultdict(list)
    for image in images:
        chains[image.batch_id].append(image)
    numbers = {batch.pk: batch.number for batch in batches}
    found = [text for pk, chain in chains.items() for text in _gaps(chain, numbers.get(pk or 0), released)]
    headless = [batch for batch in batches if bytes(batch.chain_head) not in _seals(chains[batch.pk])]
    found += [_newest_of(batch) for batch in headless if _proves(chains[batch.pk], released)]
    yield from found
    if not found and (headless or any(map(_begins_late, chains.values())) or _lost_all(session, images)):
        yield from _too_few(session, images, headless)


def _gaps(chain: Sequence[Checkpoint], number: int | None, released: set[str]) -> Iterator[str]:
    """Find links that are not there; all before the first that pruning would have taken may have been pruned."""
    seals, begun = _seals(chain), False
    for one in chain:
        if begun and bytes(one.previous) not in seals:
            yield f"The image checkpoint before number {one.sequence} of batch {number} is missing."
        begun = begun or _proves([one], released)


def _seals(chain: Sequence[Checkpoint]) -> set[bytes]:
    return {bytes(one.seal) for one in chain}


def _newest_of(batch: Batch) -> str:
    return f"The newest image checkpoint of batch {batch.number} is missing."


def _proves(chain: Sequence[Checkpoint], released: set[str]) -> bool:
    """Whether one is there that pruning would have taken before any newer one; it passes by those that are pinned."""
    return any(not one.pinned and str(one.pk) not in released for one in chain)


def _begins_late(chain: Sequence[Checkpoint]) -> bool:
    return any(one.previous and bytes(one.previous) not in _seals(chain) for one in chain)


def _lost_all(session: ProcessingSession, images: Sequence[Checkpoint]) -> bool:
    return not images and Batch.objects.filter(session=session).exclude(chain_head=b"").exists()


def _too_few(
    session: ProcessingSession, images: Sequence[Checkpoint], headless: Sequence[Batch]
) -> Iterator[str]:
    """Where some are gone and pruning may have taken them, as many as are kept must be left, all of them newer."""
    keep = _keep_count(session, images)
    if len(images) < keep:
        yield f"Only {len(images)} image checkpoints are left, though {keep} are kept."
        return
    for batch in headless:
        if batch.status != BatchStatus.DONE:
            rows = ImageResult.objects.filter(batch=batch.pk).order_by("-pk").values_list("pk", flat=True)
            newest = rows.first() or 0
            if sum((image.last_result or 0) > newest for image in images) < keep:
                yield _newest_of(batch)


def _keep_count(session: ProcessingSession, images: Sequence[Checkpoint]) -> int:
    """Give the smallest number that was kept since the oldest one left was made: they say it themselves."""
    counts = [session.ledger.get("keep_min") or settings.CHECKPOINT_KEEP_COUNT]
    for checkpoint in Checkpoint.objects.filter(pk__in=[image.pk for image in images]).order_by("pk"):
        try:
            state = seal.open_state(checkpoint)
        except seal.UNUSABLE:
            continue
        counts.append(state["config_snapshot"]["settings"]["checkpoint_keep_count"])
    return min(counts)
