"""Keyed digests: a chain over the live rows of a batch, and one sum over a session's finished batches.

Anyone who may write the database can compute a SHA-256 again; these only those who know the keys (guarantee 10).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from processing import keys
from processing.keys import Stored

if TYPE_CHECKING:
    from processing.models import Batch, ImageResult

# What the digest holds of a row: its key, its instant and its mac.
Link: TypeAlias = "tuple[int, datetime, Stored]"
LINK = ("pk", "created_at", "mac")
ROWS_PER_READ = 2000
FINISHED = "finished batch"
SUM_BELOW = 1 << 8 * keys.MAC_BYTES
# What a batch without live rows and a session without finished batches have.
EMPTY = b""


def microseconds(instant: datetime) -> int:
    """Write an instant as microseconds since 1970, the same whatever database gave it."""
    return int(instant.timestamp() * 1_000_000 + 0.5)


def extend(digest: Stored, batch_id: int, links: Iterable[Link], *, secret: str | None = None) -> bytes:
    """Chain rows, each as its key, instant and mac, in the order of their keys, onto a batch's digest.

    A chain stays under the key it was begun with until `rotate_keys` makes it anew: a chain that every commit
    might make anew would sign whatever rows are there. One that was begun with an unknown key goes on bearing
    that key's name, and so proves nothing. test: test_digest_proves_nothing_when_its_key_is_unknown.
    """
    secret = secret or keys.secret_of(digest)
    digest = bytes(digest)
    for pk, created_at, mac in links:
        numbers = b"".join(
            n.to_bytes(8, "big", signed=True) for n in (batch_id, pk, microseconds(created_at))
        )
        tag = keys.sign("batch digest", digest, numbers, bytes(mac), secret=secret)
        digest = tag if secret else digest[: keys.KEY_ID_BYTES] + tag[keys.KEY_ID_BYTES :]
    return digest


def after_commit(batch_id: int, digest: Stored, added: Iterable["ImageResult"]) -> bytes:
    """Give a batch's digest with the rows that were just added."""
    return extend(digest, batch_id, sorted((row.pk, row.created_at, bytes(row.mac)) for row in added))


def digest_of(batch: "Batch", *, secret: str | None = None) -> bytes:
    """Compute a batch's digest from its live rows, under the key of its stored digest unless another is given."""
    rows = batch.results.live().order_by("pk").values_list(*LINK)
    secret = secret or keys.secret_of(batch.digest) or keys.current_secret()
    return extend(EMPTY, batch.pk, rows.iterator(ROWS_PER_READ), secret=secret)


def add_finished(total: Stored, batch_id: int, digest: Stored, *, secret: str | None = None) -> bytes:
    """Add a finished batch's digest to a session's sum, in which the order of the batches does not count.

    The sum of keyed hashes is the multiset hash MSet-Add-Hash (Clarke et al., Asiacrypt 2003). Keys are as in
    `extend`.
    """
    secret = secret or keys.secret_of(total)
    return add(total, keys.sign(FINISHED, batch_id.to_bytes(8, "big"), bytes(digest), secret=secret))


def add(total: Stored, tag: bytes) -> bytes:
    """Add a tag to a sum, which keeps the name of its key; the first tag gives it its own."""
    head, mac = bytes(total or tag)[: keys.KEY_ID_BYTES], tag[keys.KEY_ID_BYTES :]
    before = int.from_bytes(bytes(total)[keys.KEY_ID_BYTES :], "big")
    after = (before + int.from_bytes(mac, "big")) % SUM_BELOW
    return head + after.to_bytes(keys.MAC_BYTES, "big")


def finished_sum(batches: Iterable[tuple[int, Stored]], *, secret: str | None = None) -> bytes:
    """Compute a session's sum from its finished batches, each as its key and digest, with the first key or this."""
    secret = secret or keys.current_secret()
    pairs = ((batch_id.to_bytes(8, "big"), bytes(digest)) for batch_id, digest in batches)
    macs = [int.from_bytes(mac, "big") for mac in keys.macs_of_pairs(FINISHED, pairs, secret=secret)]
    total = sum(macs) % SUM_BELOW
    return keys.id_of(secret) + total.to_bytes(keys.MAC_BYTES, "big") if macs else EMPTY


def exchange(total: Stored, old: Stored, new: Stored) -> bytes:
    """Take one sum out of another and put a third one in; the total keeps the name of its key.

    A total that was wrong stays wrong by as much, so nothing has to be verified before.
    """
    total, *parts = (bytes(one) for one in (total, old, new))
    before, taken, put = (int.from_bytes(one[keys.KEY_ID_BYTES :], "big") for one in (total, *parts))
    after = (before - taken + put) % SUM_BELOW
    return total[: keys.KEY_ID_BYTES] + after.to_bytes(keys.MAC_BYTES, "big")
