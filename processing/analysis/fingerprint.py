"""The compare stage: groups photos with the same bytes, then photos that show the same picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from processing.analysis.hashing import FINGERPRINT_BYTES, fingerprint
from processing.analysis.neighbors import find_pairs

__all__ = ["Candidate", "Relation", "compare", "fingerprint"]
Code = Literal["duplicate", "similar"]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One photo of the compare stage; fingerprint may be empty; score is its sharpness: the best of a group stays."""

    position: int
    sha256: str
    fingerprint: bytes
    approved: bool
    score: float


@dataclass(frozen=True, slots=True)
class Relation:
    """One photo of a group: code None for the one that is kept; measured is the distance to it in bits.

    group is the lowest position of the group, kept the position of the photo that stays.
    """

    position: int
    group: int
    code: Code | None
    measured: float
    kept: int


class _Table:
    """The candidates as arrays in order of position, 81 bytes each."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        numbers, hashes, prints = [], bytearray(), bytearray()
        for one in candidates:
            numbers.append((one.position, one.approved, one.score, bool(one.fingerprint)))
            hashes += bytes.fromhex(one.sha256)
            prints += one.fingerprint or bytes(FINGERPRINT_BYTES)
        kinds = [("position", np.int64), ("approved", np.bool_), ("score", np.float64), ("printed", np.bool_)]
        table = np.array(numbers, dtype=kinds)
        order = np.argsort(table["position"], kind="stable")
        self.numbers = table[order]
        self.hashes = np.frombuffer(hashes, "V32")[order]
        self.prints = np.frombuffer(prints, np.uint8).reshape(-1, FINGERPRINT_BYTES)[order]
        # Rank 0 is the best photo: approved, then sharpest, then first.
        best_first = np.lexsort((self.numbers["position"], -self.numbers["score"], ~self.numbers["approved"]))
        self.ranks = np.empty(len(order), np.int64)
        self.ranks[best_first] = np.arange(len(order))


def compare(candidates: Iterable[Candidate], radius: int) -> list[Relation]:
    """Relate photos that are the same or nearly so, as a pure function of the set of candidates, in order of position.

    First photos with equal SHA-256. Then, best photo first, each photo that is not yet related keeps what lies within
    radius bits of it (256 in all, mirrored and turned views included); radius 0 looks for equal bytes only. So every
    similar photo is near the one that is kept, and no chain joins strangers. A million take minutes and 0.6 GB.
    """
    table = _Table(candidates)
    if len(table.ranks) == 0:
        return []
    leaders = _lead_equal(table.hashes, table.ranks)
    nearest = np.zeros(len(leaders), np.int64)
    keepers = leaders.copy()
    if radius > 0:
        _keep_best(table, leaders, radius, keepers, nearest)
        keepers = keepers[leaders]
    return _list_relations(table, leaders, keepers, nearest)


def _lead_equal(values: npt.NDArray[np.void], ranks: Places) -> Places:
    """For each row the place of the best-ranked row with an equal value."""
    _, inverse = np.unique(values, return_inverse=True)
    order = np.lexsort((ranks, inverse))
    heads = np.concatenate([[True], np.diff(inverse[order]) != 0])
    leaders = np.empty(len(values), np.int64)
    leaders[order] = order[heads][np.cumsum(heads) - 1]
    return leaders


def _keep_best(table: _Table, leaders: Places, radius: int, keepers: Places, nearest: Places) -> None:
    """Give each leader the keeper it is near to, and their distance, best photos first."""
    places = np.flatnonzero((leaders == np.arange(len(leaders))) & table.numbers["printed"])
    if len(places) == 0:
        return
    prints = np.ascontiguousarray(table.prints[places])
    equal = places[_lead_equal(prints.view("V32")[:, 0], table.ranks[places])]
    keepers[places] = equal
    distinct = places[equal == places]
    pairs = find_pairs(np.ascontiguousarray(table.prints[distinct]), radius)
    _absorb(distinct[pairs.first], distinct[pairs.second], pairs.distances, table.ranks, keepers, nearest)
    keepers[places] = keepers[equal]
    nearest[places] = nearest[equal]


def _absorb(
    first: Places, second: Places, distances: Places, ranks: Places, keepers: Places, nearest: Places
) -> None:
    """Walk the pairs from the best photo on: one that is still free keeps its neighbors that are still free."""
    better = np.where(ranks[first] < ranks[second], first, second)
    worse = first + second - better
    for pair in np.lexsort((ranks[worse], ranks[better])).tolist():
        strong, weak = int(better[pair]), int(worse[pair])
        if keepers[strong] == strong and keepers[weak] == weak:
            keepers[weak] = strong
            nearest[weak] = distances[pair]


def _list_relations(table: _Table, leaders: Places, keepers: Places, nearest: Places) -> list[Relation]:
    """List the members of each group of two and more."""
    size = np.bincount(keepers, minlength=len(keepers))
    lowest = np.full(len(keepers), len(keepers))
    np.minimum.at(lowest, keepers, np.arange(len(keepers)))
    positions = table.numbers["position"]
    relations = []
    for place in np.flatnonzero(size[keepers] > 1).tolist():
        keeper = int(keepers[place])
        copied = leaders[place] != place
        code: Code | None = None if place == keeper else "duplicate" if copied else "similar"
        measured = 0.0 if copied else float(nearest[place])
        group = int(positions[lowest[keeper]])
        relations.append(Relation(int(positions[place]), group, code, measured, int(positions[keeper])))
    return relations
