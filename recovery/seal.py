"""Sealing: a checkpoint's state, encrypted and bound to its row, and the keyed chain from one to the next."""

import hashlib
import json
import os
import zlib
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from processing import keys
from processing.digests import microseconds
from recovery.versions import VersionRefused, upgrade

if TYPE_CHECKING:
    from recovery.models import Checkpoint

NONCE_BYTES = 12
COMPRESSION = 1
# What the encryption and the seal bind to the state, beside the key: a row of it changed, moved or renamed is found.
# `pinned` and `voided_by` change during a checkpoint's life and are not among them.
BOUND = (
    "batch_id",
    "checkpoint_type",
    "sequence",
    "attempt",
    "processed_count",
    "current_batch",
    "current_image_index",
    "last_result",
    "note",
    "key_id",
)


class CheckpointDamaged(Exception):
    """The checkpoint is not what was sealed, or cannot be read; it is named and never used."""


UNUSABLE = (CheckpointDamaged, VersionRefused)


def seal(checkpoint: "Checkpoint", state: dict[str, Any], *, secret: str | None = None) -> None:
    """Encrypt a state into a checkpoint that is not stored yet, and seal it, with the first key or the one given.

    All other columns are final, `previous` and `created_at` among them. AES-256-GCM with a random nonce of 96 bits
    (NIST SP 800-38D, §8.2.2: 2^32 states per key).
    """
    secret = keys.current_secret() if secret is None else secret
    text = canonical_text(state)
    checkpoint.key_id = keys.id_of(secret).hex()
    checkpoint.digest = hashlib.sha256(text).hexdigest()
    nonce = os.urandom(NONCE_BYTES)
    packed = zlib.compress(text, COMPRESSION)
    checkpoint.session_state = nonce + _cipher(secret).encrypt(nonce, packed, _bound(checkpoint))
    checkpoint.seal = keys.sign("checkpoint seal", *_sealed(checkpoint), secret=secret)


def open_state(checkpoint: "Checkpoint") -> dict[str, Any]:
    """Give a checkpoint's state, in the form of this version.

    Raises CheckpointDamaged when anything of it is not as it was sealed, VersionRefused when this version cannot
    read it; both with a sentence.
    """
    return upgrade(read_state(checkpoint))


def read_state(checkpoint: "Checkpoint") -> dict[str, Any]:
    """Give a checkpoint's state as it was written, by whatever version. Raises CheckpointDamaged."""
    secret = _secret_of(checkpoint)
    if not keys.holds(bytes(checkpoint.seal), "checkpoint seal", *_sealed(checkpoint)):
        raise CheckpointDamaged("It is not as it was sealed: a column of it has changed.")
    packed = bytes(checkpoint.session_state)
    try:
        text = zlib.decompress(
            _cipher(secret).decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], _bound(checkpoint))
        )
    except (InvalidTag, ValueError, zlib.error) as error:
        raise CheckpointDamaged("Its state cannot be decrypted: it has changed.") from error
    if hashlib.sha256(text).hexdigest() != checkpoint.digest:
        raise CheckpointDamaged("Its state does not have the SHA-256 that was written beside it.")
    state: dict[str, Any] = json.loads(text)
    return state


def problem_of(checkpoint: "Checkpoint") -> str | None:
    """Say in a sentence why a checkpoint must not be used; None: it is intact.

    Seal, link to the one before, every sealed column, and the state with its SHA-256 are looked at. Whether the one
    before is still there, only the chain can tell (`chain.missing_checkpoints`).
    """
    try:
        open_state(checkpoint)
    except UNUSABLE as error:
        return str(error)
    return None


def canonical_text(state: dict[str, Any]) -> bytes:
    """Write a state as JSON in one form only. It is stored as these bytes, so whole numbers stay whole."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def _secret_of(checkpoint: "Checkpoint") -> str:
    """Find the key that a checkpoint was sealed with."""
    tag = bytes(checkpoint.seal)
    if len(tag) != keys.TAG_BYTES or tag[: keys.KEY_ID_BYTES].hex() != checkpoint.key_id:
        raise CheckpointDamaged("Its seal is not one of the key that it names.")
    secret = keys.secret_of(tag)
    if secret is None:
        raise CheckpointDamaged(
            f"It was sealed with the key {checkpoint.key_id}, which STOCKPROOF_CHECKPOINT_KEYS does not list."
        )
    return secret


def _cipher(secret: str) -> AESGCM:
    return AESGCM(keys.derive(secret, "checkpoint state"))


def _bound(checkpoint: "Checkpoint") -> bytes:
    """Write what is bound to the state, in a form that any database gives back the same."""
    identity = (str(checkpoint.pk), str(checkpoint.session_id), microseconds(checkpoint.created_at))
    columns = (getattr(checkpoint, name) for name in BOUND)
    return keys.canonical([*identity, *columns, bytes(checkpoint.previous)])


def _sealed(checkpoint: "Checkpoint") -> tuple[bytes, ...]:
    digest = checkpoint.digest.encode("utf-8", "backslashreplace")
    return bytes(checkpoint.previous), _bound(checkpoint), digest, bytes(checkpoint.session_state)
