"""Changing keys: everything that an older key has signed or encrypted is brought under the first one.

Each batch is one short transaction under the locks of its session and of itself, after which every sum holds as
before, so workers may go on, and the rotation can be stopped and begun again at any moment. What does not hold under
its own key is named and left as it is: signed anew, it would pass for true.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from processing import digests, keys
from processing.models import Batch, ImageResult, ProcessingSession, Worker
from processing.states import BatchKind, BatchStatus
from processing.turns import Turns
from recovery import seal
from recovery.aside import Sum, add_up, sums_of
from recovery.audit import ActRefused
from recovery.batch_checks import as_bytes, digest_holds
from recovery.ledger import Ledger
from recovery.models import AuditEntry, Checkpoint, RecoveryAttempt

BATCHES_PER_READ = 200
ROWS_PER_READ = 2000
# PostgreSQL looks at each value for each row.
ROWS_PER_UPDATE = 500


@dataclass(slots=True)
class Rotation:
    """What a rotation has brought under the first key, and what it had to leave."""

    results: int = 0
    batches: int = 0
    checkpoints: int = 0
    sessions: int = 0
    sessions_count: int = 0
    left: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Give what was brought under the first key."""
        return {name: getattr(self, name) for name in ("results", "batches", "checkpoints", "sessions")}

    def run(self) -> Iterator[UUID]:
        """Rotate session by session, and give each one's id when it is done."""
        ids = list(ProcessingSession.objects.order_by("pk").values_list("pk", flat=True))
        self.sessions_count = len(ids)
        for session_id in ids:
            try:
                self._rotate_batches(session_id)
                self._rotate_session(session_id)
            except ProcessingSession.DoesNotExist:
                continue  # It was deleted meanwhile.
            yield session_id

    def _rotate_batches(self, session_id: UUID) -> None:
        after, turns = 0, Turns()
        while page := self._page(session_id, after):
            after = page[-1]
            for batch_id in _of_older_keys(page):
                with transaction.atomic():
                    BatchRotation(session_id, batch_id, self).run()
                turns.give_way()

    def _page(self, session_id: UUID, after: int) -> list[int]:
        batches = Batch.objects.filter(session=session_id, pk__gt=after).order_by("pk")
        return list(batches.values_list("pk", flat=True)[:BATCHES_PER_READ])

    def _rotate_session(self, session_id: UUID) -> None:
        """Rotate what stands on a session's row, and its sealing checkpoints, whose chain ends there."""
        with transaction.atomic():
            session = ProcessingSession.objects.lock(session_id)
            sealing = Checkpoint.objects.filter(session=session, batch=None).select_for_update()
            renamed = self.reseal(list(sealing.order_by("sequence", "pk")))
            if not session.has_authentic_ledger():
                self.left.append(f"Session {session_id}: the list of its checkpoints was changed.")
            keep_renamed(session, renamed)
            was_rotated = _rotate_sum(session, self.left)
            was_rotated |= _rotate_notes(session, self.left)
            self.sessions += bool(was_rotated or renamed)

    def reseal(self, chain: list[Checkpoint]) -> dict[bytes, bytes]:
        """Seal a chain's checkpoints anew, in their order; give the new seals by the old ones.

        Those before one that was changed stay as they are too: it names them by their old seals.
        """
        renamed: dict[bytes, bytes] = {}
        changed = []
        for one, state in self._readable_end(chain):
            old, linked = bytes(one.seal), renamed.get(bytes(one.previous))
            if linked is None and keys.is_current(old):
                continue
            one.previous = linked or one.previous
            seal.seal(one, state)
            renamed[old] = bytes(one.seal)
            changed.append(one)
        Checkpoint.objects.bulk_update(changed, ["previous", "session_state", "seal", "key_id"])
        self.checkpoints += len(changed)
        return renamed

    def _readable_end(self, chain: list[Checkpoint]) -> list[tuple[Checkpoint, dict[str, Any]]]:
        """Read the states behind the last one that was changed, and name those that were; 0.1.0's have no seal."""
        readable: list[tuple[Checkpoint, dict[str, Any]]] = []
        for one in chain:
            try:
                if one.seal:
                    readable.append((one, seal.read_state(one)))
            except seal.CheckpointDamaged as error:
                self.left.append(f"Checkpoint {one.pk}: {error}")
                readable = []
        return readable


@dataclass(slots=True)
class BatchRotation:
    """One batch under its locks: the macs of all of its rows, its digest, its chain, and the sums that hold it."""

    session_id: UUID
    batch_id: int
    rotation: Rotation

    def run(self) -> None:
        """Rotate the batch, unless its digest does not hold: nothing of it is certain then."""
        session = ProcessingSession.objects.lock(self.session_id)
        batch = Batch.objects.select_for_update(no_key=True).get(pk=self.batch_id)
        rows = list(batch.results.order_by("pk"))
        if not digest_holds(batch.digest, batch.pk, _links(rows)):
            self.rotation.left.append(
                f"Batch {batch.number} of session {session.pk}: its digest does not hold."
            )
            return
        sums = _sums_of_batch(session, batch, rows)
        self._sign_rows(rows)
        old = bytes(batch.digest)
        digest = digests.extend(digests.EMPTY, batch.pk, _links(rows))
        head = self._reseal_chain(session, batch)
        Batch.objects.filter(pk=batch.pk).update(digest=digest, chain_head=head)
        _exchange_in_sum(session, batch, old, digest)
        _exchange_in_notes(sums, batch, rows)
        self.rotation.batches += 1

    def _sign_rows(self, rows: list[ImageResult]) -> None:
        changed = []
        for row in rows:
            if keys.is_current(as_bytes(row.mac)):
                continue
            if not _is_authentic(row):
                self.rotation.left.append(
                    f"Result {row.pk} of photo {row.position} is not as it was written."
                )
                continue
            row.sign()
            changed.append(row)
        ImageResult.objects.bulk_update(changed, ["mac"], ROWS_PER_UPDATE)
        self.rotation.results += len(changed)

    def _reseal_chain(self, session: ProcessingSession, batch: Batch) -> bytes:
        """Seal the batch's checkpoints anew; give its chain head."""
        chain = Checkpoint.objects.filter(batch=batch).select_for_update().order_by("sequence", "pk")
        renamed = self.rotation.reseal(list(chain))
        keep_renamed(session, renamed)
        head = bytes(batch.chain_head)
        return renamed.get(head, head)


def refuse_while_other_keys_sign() -> None:
    """Raise ActRefused while a living process signs with another key: it could not go on with what is rotated."""
    own = keys.id_of(keys.current_secret()).hex()
    for worker in Worker.objects.living().order_by("pk"):
        if worker.telemetry.get("key_id", own) != own:
            raise ActRefused(
                f"Process {worker.pid} on {worker.host} still signs with another key: restart it with the same "
                "STOCKPROOF_CHECKPOINT_KEYS first."
            )


def _of_older_keys(batch_ids: list[int]) -> list[int]:
    """Choose the batches of which anything stands under an older key."""
    found = {
        batch_id
        for batch_id, digest in Batch.objects.filter(pk__in=batch_ids).values_list("pk", "digest")
        if digest and not keys.is_current(digest)
    }
    macs = ImageResult.objects.filter(batch__in=batch_ids).order_by("pk").values_list("batch_id", "mac")
    found.update(pk for pk, mac in macs.iterator(ROWS_PER_READ) if not keys.is_current(as_bytes(mac)))
    seals = Checkpoint.objects.filter(batch__in=batch_ids).order_by("pk").values_list("batch_id", "seal")
    found.update(pk for pk, tag in seals if pk and tag and not keys.is_current(as_bytes(tag)))
    return sorted(found)


def _links(rows: list[ImageResult]) -> list[digests.Link]:
    return [(row.pk, row.created_at, as_bytes(row.mac)) for row in rows if row.superseded_by is None]


def _is_authentic(row: ImageResult) -> bool:
    try:
        return row.is_authentic()
    except (TypeError, ValueError):  # SQLite stores text in a column of bytes.
        return False


def keep_renamed(session: ProcessingSession, renamed: dict[bytes, bytes]) -> None:
    """Let the ledger name checkpoints by their new seals; the caller has locked the session."""
    if not renamed and (not session.ledger_tag or keys.is_current(session.ledger_tag)):
        return
    ledger = Ledger(session)
    ledger.rename({old.hex(): new.hex() for old, new in renamed.items()})
    ledger.keep()


def _exchange_in_sum(session: ProcessingSession, batch: Batch, old: bytes, new: bytes) -> None:
    """Let the session's sum hold the batch's new digest, still under the sum's own key."""
    if batch.kind != BatchKind.PHOTOS or batch.status != BatchStatus.DONE:
        return
    secret = keys.secret_of(session.finished_sum)
    parts = [digests.finished_sum([(batch.pk, digest)], secret=secret) for digest in (old, new)]
    session.finished_sum = digests.exchange(session.finished_sum, *parts)
    ProcessingSession.objects.filter(pk=session.pk).update(finished_sum=session.finished_sum)


def _sums_of_batch(session: ProcessingSession, batch: Batch, rows: list[ImageResult]) -> list[Sum]:
    """Add up what recoveries have noted of this batch alone, under the keys of their notes."""
    sums = sums_of(session)
    for one in sums:
        one.add(batch.pk, rows)
    return sums


def _exchange_in_notes(sums: list[Sum], batch: Batch, rows: list[ImageResult]) -> None:
    """Let what recoveries have noted hold the rows' new macs."""
    for before in sums:
        after = replace(before, total=digests.EMPTY)
        after.add(batch.pk, rows)
        if before.total:
            noted = digests.exchange(before.noted, before.total, after.total)
            _note(before, noted)


def _note(one: Sum, noted: bytes) -> None:
    attempt = RecoveryAttempt.objects.filter(session=one.session_id, number=one.number)
    attempt.update(aside_digest=noted)


def _rotate_sum(session: ProcessingSession, left: list[str]) -> bool:
    """Make a session's sum anew under the first key, if it holds."""
    if not session.finished_sum or keys.is_current(session.finished_sum):
        return False
    secret = keys.secret_of(session.finished_sum)
    finished = list(Batch.objects.finished_digests(session.pk).iterator(ROWS_PER_READ))
    if secret is None or digests.finished_sum(finished, secret=secret) != bytes(session.finished_sum):
        left.append(f"Session {session.pk}: the sum of its finished batches does not hold.")
        return False
    session.finished_sum = digests.finished_sum(finished)
    ProcessingSession.objects.filter(pk=session.pk).update(finished_sum=session.finished_sum)
    return True


def _rotate_notes(session: ProcessingSession, left: list[str]) -> bool:
    """Make what recoveries noted anew under the first key, if it holds; takes time by the session's rows."""
    old = [one for one in sums_of(session) if not keys.is_current(one.noted)]
    new = [replace(one, secret=keys.current_secret()) for one in old]
    if old:
        add_up(ImageResult.objects.filter(batch__session=session), [*old, *new])
    for before, after in zip(old, new, strict=True):
        if before.secret is None or not before.holds:
            left.append(f"Session {session.pk}: what recovery {before.number} noted does not hold.")
            continue
        _note(before, after.note)
    return bool(old)


def key_ids_in_audit() -> set[str]:
    """Give the ids of the keys that the audit log stands under; its entries are never signed anew."""
    macs = AuditEntry.objects.order_by("number").values_list("mac", flat=True)
    return {as_bytes(mac)[: keys.KEY_ID_BYTES].hex() for mac in macs.iterator(ROWS_PER_READ)}


def old_keys_needed(left: list[str]) -> dict[str, list[str]]:
    """Say of each configured key but the first what still stands under it; one without such may be taken away."""
    audited = key_ids_in_audit()
    needed: dict[str, list[str]] = {}
    for secret in settings.STOCKPROOF_CHECKPOINT_KEYS[1:]:
        key_id = keys.id_of(secret).hex()
        needed[key_id] = ["audit entries"] * (key_id in audited) + ["what was left"] * bool(left)
    return needed
