"""Keyed hashes: what only those can make who know STOCKPROOF_CHECKPOINT_KEYS.

A tag is the id of its key (4 bytes) and an HMAC-SHA256 cut to 16 bytes (NIST SP 800-107, §5.1). The first key
signs, all keys verify. Each purpose has a key of its own, so that a tag of one can never stand for another.
"""

import functools
import hmac
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_ID_BYTES = 4
MAC_BYTES = 16
TAG_BYTES = KEY_ID_BYTES + MAC_BYTES
# What a BinaryField holds: SQLite gives bytes, PostgreSQL a memoryview.
Stored: TypeAlias = "bytes | memoryview[int]"
FLOAT_MAX = sys.float_info.max


@functools.lru_cache(maxsize=64)
def derive(secret: str, purpose: str) -> bytes:
    """Derive a key of 32 bytes for one purpose from a secret (HKDF with SHA-256, RFC 5869)."""
    return HKDF(SHA256(), 32, None, f"stockproof {purpose}".encode()).derive(secret.encode())


@functools.lru_cache(maxsize=64)
def id_of(secret: str) -> bytes:
    """Give the id of a secret, from which nobody learns the secret."""
    return derive(secret, "key id")[:KEY_ID_BYTES]


def current_secret() -> str:
    """Give the secret that signs and encrypts."""
    return str(settings.STOCKPROOF_CHECKPOINT_KEYS[0])


def secret_named(key_id: bytes) -> str | None:
    """Find the secret that has this id; None when it is not among the configured ones."""
    return next((s for s in settings.STOCKPROOF_CHECKPOINT_KEYS if id_of(s) == key_id), None)


def sign(purpose: str, *parts: bytes, secret: str | None = None) -> bytes:
    """Make the tag of some parts in this order, with the first key unless another is given.

    Each part's length counts, so no two lists look alike.
    """
    secret = current_secret() if secret is None else secret
    return id_of(secret) + _mac(secret, purpose, parts)


def macs_of_pairs(
    purpose: str, pairs: Iterable[tuple[bytes, bytes]], *, secret: str | None = None
) -> Iterator[bytes]:
    """Give what `sign` puts behind the key's id for each of many pairs of parts, in a third of the time."""
    begun = hmac.new(derive(secret or current_secret(), purpose), digestmod="sha256")
    for first, second in pairs:
        one = begun.copy()
        one.update(len(first).to_bytes(8, "big") + first + len(second).to_bytes(8, "big") + second)
        yield one.digest()[:MAC_BYTES]


def holds(tag: Stored, purpose: str, *parts: bytes) -> bool:
    """Say whether a tag was made of just these parts with one of the configured keys."""
    secret = secret_named(bytes(tag[:KEY_ID_BYTES]))
    return secret is not None and hmac.compare_digest(bytes(tag[KEY_ID_BYTES:]), _mac(secret, purpose, parts))


def secret_of(tag: Stored) -> str | None:
    """Find the secret that a tag was made with, or that the first tag of a chain is to be made with.

    None when that key is not among the configured ones.
    """
    return secret_named(bytes(tag[:KEY_ID_BYTES])) if tag else current_secret()


def is_current(tag: Stored) -> bool:
    """Say whether a tag was made with the key that signs now."""
    return bytes(tag[:KEY_ID_BYTES]) == id_of(current_secret())


def _mac(secret: str, purpose: str, parts: Sequence[bytes]) -> bytes:
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(derive(secret, purpose), message, "sha256")[:MAC_BYTES]


def canonical(value: object) -> bytes:
    """Write a value as JSON that is the same after any database has stored it.

    PostgreSQL's jsonb gives 1e22 back as a whole number and has no negative zero, so numbers that a float holds
    are written as floats. Raises ValueError for NaN and infinity, which no database stores.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int) and (abs(value) > FLOAT_MAX or int(float(value)) != value):
        return value
    if isinstance(value, int | float):
        return float(value) + 0.0
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value]
